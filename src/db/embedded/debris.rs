//! What a killed PostgreSQL leaves behind: orphaned processes and files that name dead ones.
//!
//! PostgreSQL refuses to start while the process named in `postmaster.pid` or beside the socket exists. Where
//! process 1 reaps late, as in many containers, a dead one still exists as a zombie, and its number may be given
//! to somebody else after that. So here the question is another one: does anybody *work in* the cluster? Every
//! PostgreSQL process has the cluster as its working directory, and a zombie has none.
//!
//! All of this is right only for the holder of the layout's lock, and before its own PostgreSQL runs.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::{StartError, config};

/// A fast shutdown ends with a checkpoint, which a slow disk draws out.
const ORDERLY: Duration = Duration::from_secs(30);
const IMMEDIATE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(3);

/// Ends every PostgreSQL process that works in `directory`; returns when there is none.
///
/// The postmaster of a killed server has had its signal from the kernel and is about to finish in order, so it is
/// waited for. Processes without a postmaster have nothing to finish: whatever they did is replayed or undone.
pub(super) fn clear(directory: &Path) -> Result<(), StartError> {
    let postmaster = named_in(&directory.join("postmaster.pid"));
    let in_order = |orphans: &[Pid]| match postmaster {
        Some(pid) if orphans.contains(&pid) => vec![pid],
        Some(_) | None => Vec::new(),
    };
    let mut orphans = processes_in(directory)?;
    if orphans.is_empty() {
        return Ok(());
    }
    tracing::warn!(directory = %directory.display(), "waiting for the PostgreSQL of an earlier run to end");
    let addressed = in_order(&orphans);
    if !addressed.is_empty() {
        send(&addressed, Signal::SIGINT);
        orphans = wait(directory, ORDERLY, |orphans| in_order(orphans).is_empty())?;
    }
    for stronger in [Signal::SIGQUIT, Signal::SIGKILL] {
        send(&orphans, stronger);
        orphans = wait(directory, IMMEDIATE, <[Pid]>::is_empty)?;
        if orphans.is_empty() {
            return Ok(());
        }
    }
    let pids: Vec<_> = orphans.iter().map(ToString::to_string).collect();
    Err(StartError::Orphans { pgdata: directory.to_owned(), pids: pids.join(", ") })
}

/// Removes the files that claim the cluster and the socket for a process that is gone.
///
/// Only after [`clear`]: until then they may be true.
pub(super) fn remove_stale_files(pgdata: &Path, socket_directory: &Path) -> Result<(), StartError> {
    let socket = config::socket_name();
    for file in [pgdata.join("postmaster.pid"), socket_directory.join(format!("{socket}.lock"))] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StartError::io("remove", &file)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn named_in(pid_file: &Path) -> Option<Pid> {
    fs::read_to_string(pid_file).ok()?.lines().next()?.trim().parse().ok().map(Pid::from_raw)
}

/// A process that has ended in the meantime is what is wanted, so errors are left to the next look.
fn send(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = signal::kill(*pid, signal);
    }
}

/// Looks until `done` or until `patience` is over; returns who is left.
fn wait(directory: &Path, patience: Duration, done: impl Fn(&[Pid]) -> bool) -> Result<Vec<Pid>, StartError> {
    let deadline = Instant::now() + patience;
    loop {
        let orphans = processes_in(directory)?;
        if done(&orphans) || Instant::now() > deadline {
            return Ok(orphans);
        }
        std::thread::sleep(POLL);
    }
}

/// The PostgreSQL processes that work in `directory`.
///
/// The name is asked for too: an operator's shell may stand in the directory.
#[cfg(target_os = "linux")]
fn processes_in(directory: &Path) -> Result<Vec<Pid>, StartError> {
    use std::os::unix::fs::MetadataExt;

    let wanted = match fs::metadata(directory) {
        Ok(found) => (found.dev(), found.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StartError::io("look at", directory)(error)),
    };
    let processes = fs::read_dir("/proc").map_err(StartError::io("read", Path::new("/proc")))?;
    let is_orphan = |process: &Path| {
        let works_here = fs::metadata(process.join("cwd")).is_ok_and(|cwd| (cwd.dev(), cwd.ino()) == wanted);
        works_here
            && fs::read_to_string(process.join("comm"))
                .is_ok_and(|name| matches!(name.trim_end(), "postgres" | "postmaster" | "initdb"))
    };
    Ok(processes
        .flatten()
        .filter_map(|process| Some((process.file_name().to_str()?.parse().ok()?, process.path())))
        .filter(|(_, path)| is_orphan(path))
        .map(|(pid, _)| Pid::from_raw(pid))
        .collect())
}

/// Without `/proc` there is only the number in `postmaster.pid`, which may be somebody else's by now. So nobody is
/// signalled on its account: a live one is reported, for the operator to judge.
#[cfg(not(target_os = "linux"))]
fn processes_in(directory: &Path) -> Result<Vec<Pid>, StartError> {
    match named_in(&directory.join("postmaster.pid")) {
        Some(pid) if signal::kill(pid, None).is_ok() => {
            Err(StartError::Orphans { pgdata: directory.to_owned(), pids: pid.to_string() })
        }
        Some(_) | None => Ok(Vec::new()),
    }
}
