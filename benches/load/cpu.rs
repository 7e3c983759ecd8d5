//! What the processor spent, as Linux counts it: less disturbed by whatever else runs than rates are.

use std::time::Duration;

use super::Fault;
use super::place::Place;

/// Linux tells programs the time of processes in this unit, whatever it counts in itself.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of all sides, since they began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    pub server: Duration,
    pub floor: Duration,
    pub postgres: Duration,
    /// Nobody had anything to do.
    pub idle: Duration,
    /// The machine gave the cores to other guests.
    pub stolen: Duration,
}

impl Cpu {
    pub fn now(place: &Place) -> Result<Self, Fault> {
        let (server, floor, postmaster) = place.processes()?;
        let (idle, stolen) = unused()?;
        let mut cpu = Self { idle, stolen, ..Self::default() };
        for entry in std::fs::read_dir("/proc")? {
            let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // It may have ended meanwhile.
            let Some(Process { parent, spent }) = Process::read(process) else { continue };
            if process == server {
                cpu.server += spent;
            } else if process == floor {
                cpu.floor += spent;
            } else if process == postmaster || parent == postmaster {
                cpu.postgres += spent;
            }
        }
        Ok(cpu)
    }

    /// What was spent since then.
    pub fn since(self, before: Self) -> Self {
        Self {
            server: self.server.saturating_sub(before.server),
            floor: self.floor.saturating_sub(before.floor),
            postgres: self.postgres.saturating_sub(before.postgres),
            idle: self.idle.saturating_sub(before.idle),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }
}

/// proc_stat(5): what all cores together did not spend on anybody here. Waiting for a disk is idleness too.
fn unused() -> Result<(Duration, Duration), Fault> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let fields: Vec<u32> = stat.lines().next().unwrap_or_default().split_whitespace().flat_map(str::parse).collect();
    let [_, _, _, idle, waiting, _, _, stolen, ..] = fields[..] else {
        return Err("/proc/stat tells too little".into());
    };
    Ok((TICK * (idle + waiting), TICK * stolen))
}

struct Process {
    parent: u32,
    spent: Duration,
}

impl Process {
    /// proc_pid_stat(5): parent, then user and system time, behind the name, which may hold anything.
    fn read(process: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u32>().ok();
        Some(Self { parent: number(1)?, spent: TICK * (number(11)? + number(12)?) })
    }
}
