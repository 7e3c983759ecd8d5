//! The thread that runs PostgreSQL and starts it again when it dies.
//!
//! It is a thread of its own because the signal at the parent's death follows the *thread* that made the child:
//! on a pooled thread, which ends when it is idle, PostgreSQL would be shut down in the middle of work. It does
//! nothing else, and must not: it knows no SQL and whether PostgreSQL answers is `ready`'s question.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::keeper::Launcher;
use super::layout::Layout;
use super::{StartError, StopError, debris};

/// How long an orderly stop may take; the server as a whole has 30 s.
const ORDERLY: Duration = Duration::from_secs(20);
const IMMEDIATE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A PostgreSQL that ran this long was well; its death is a new story.
const HEALTHY: Duration = Duration::from_secs(30);

/// What to run, again and again.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) launcher: Launcher,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) layout: Layout,
    pub(super) socket_directory: PathBuf,
}

/// The handle on the thread. Dropping it stops PostgreSQL and ends the thread.
#[derive(Debug)]
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// The postmaster while its process id is ours to signal: set when it is made, taken before it is reaped.
    child: Option<Child>,
    /// How the thread ended.
    ended: Option<Ended>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not yet ready: a death is the start's failure.
    Starting,
    /// A death is repaired.
    Serving,
    /// A death is what is wanted.
    Stopping,
}

/// How PostgreSQL ended for good: with a status, or because it could not be run.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    Exited(ExitStatus),
    NotRun(String),
}

impl Supervisor {
    /// Starts the thread, and PostgreSQL on it.
    pub(super) fn start(plan: Plan) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { phase: Phase::Starting, child: None, ended: None }),
            changed: Condvar::new(),
        });
        let keeper = plan.launcher.keeper.clone();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || supervise(&theirs, &plan))
            .map_err(StartError::io("start a thread for", &keeper))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// PostgreSQL has answered: from now on it is started again when it dies. If it has died since, says how.
    pub(super) fn serving(&self) -> Option<Ended> {
        let mut state = self.shared.lock();
        if state.phase == Phase::Starting {
            state.phase = Phase::Serving;
        }
        state.ended.clone()
    }

    /// How PostgreSQL ended, if it did and is not started again.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.shared.lock().ended.clone()
    }

    /// Stops PostgreSQL: in order, at once, or by force, whatever it takes.
    pub(super) fn stop(&mut self) -> Result<(), StopError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let mut outcome = Ok(());
        for (signal, patience) in [(Signal::SIGINT, ORDERLY), (Signal::SIGQUIT, IMMEDIATE)] {
            if self.shared.stop_with(signal, patience) {
                // A panicked thread has no child left to speak of.
                let _ = thread.join();
                return outcome;
            }
            outcome = Err(StopError::Forced { seconds: ORDERLY.as_secs() });
        }
        self.shared.stop_with(Signal::SIGKILL, IMMEDIATE);
        outcome
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!("{error}");
        }
    }
}

impl Shared {
    /// A panic elsewhere must not keep us from stopping PostgreSQL, and no state here is ever half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks PostgreSQL to go and waits; says whether the thread has ended.
    fn stop_with(&self, signal: Signal, patience: Duration) -> bool {
        let mut state = self.lock();
        state.phase = Phase::Stopping;
        if let Some(child) = &state.child {
            // It exists: it is reaped only after it was taken from the state.
            let _ = signal::kill(pid(child), signal);
        }
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, patience, |state| state.ended.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.ended.is_some()
    }

    /// Waits before a restart; less when PostgreSQL is to stop.
    fn pause(&self, pause: Duration) {
        let going_on = |state: &mut State| state.phase != Phase::Stopping;
        drop(self.changed.wait_timeout_while(self.lock(), pause, going_on));
    }
}

/// The body of the thread: returns when PostgreSQL has ended for good.
fn supervise(shared: &Shared, plan: &Plan) {
    let mut pause = Duration::ZERO;
    loop {
        let started = Instant::now();
        let ended = run(shared, plan);
        let mut state = shared.lock();
        if state.phase != Phase::Serving {
            // Told and decided in one: `serving` must not come in between and trust a thread that has left.
            state.ended = Some(ended);
            shared.changed.notify_all();
            return;
        }
        drop(state);
        if started.elapsed() > HEALTHY {
            pause = Duration::ZERO;
        }
        match &ended {
            Ended::Exited(status) => tracing::error!("PostgreSQL ended ({status}); starting it again in {pause:?}"),
            Ended::NotRun(error) => tracing::error!("PostgreSQL cannot run ({error}); trying again in {pause:?}"),
        }
        shared.pause(pause);
        pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
}

/// Runs PostgreSQL once, to its end.
fn run(shared: &Shared, plan: &Plan) -> Ended {
    let mut state = shared.lock();
    if state.phase == Phase::Serving {
        // The dead postmaster's children may still be at work, and would make the new one refuse to start.
        drop(state);
        if let Err(error) = clear(plan) {
            return Ended::NotRun(error.to_string());
        }
        state = shared.lock();
    }
    if state.phase == Phase::Stopping {
        return Ended::NotRun("it is being stopped".to_owned());
    }
    // Under the lock, so that a stop either comes before the child or finds it.
    let id = match spawn(plan) {
        Ok(child) => {
            let id = pid(&child);
            state.child = Some(child);
            id
        }
        Err(error) => return Ended::NotRun(error.to_string()),
    };
    drop(state);
    wait_for_end(shared, id);
    let child = shared.lock().child.take();
    match child.map(|mut child| child.wait()) {
        Some(Ok(status)) => Ended::Exited(status),
        Some(Err(error)) => Ended::NotRun(error.to_string()),
        None => Ended::NotRun("it is gone".to_owned()),
    }
}

fn clear(plan: &Plan) -> Result<(), StartError> {
    debris::clear(&plan.layout.pgdata)?;
    debris::remove_stale_files(&plan.layout.pgdata, &plan.socket_directory)
}

fn spawn(plan: &Plan) -> io::Result<Child> {
    let output = File::create(&plan.layout.startup_log)?;
    let mut command = plan.launcher.command(&plan.program, &plan.layout.pgdata);
    command.args(&plan.arguments).stdout(output.try_clone()?).stderr(output).spawn()
}

fn pid(child: &Child) -> Pid {
    // Process ids are positive and small; std only stores them unsigned.
    Pid::from_raw(child.id().cast_signed())
}

/// Blocks until the child has ended and leaves it a zombie, so that its id stays its own until the state is locked
/// and nobody can signal a stranger.
#[cfg(target_os = "linux")]
fn wait_for_end(_: &Shared, id: Pid) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    while waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {}
}

/// The same without `waitid`: looks now and then, with the state locked while it may reap.
#[cfg(not(target_os = "linux"))]
fn wait_for_end(shared: &Shared, _: Pid) {
    const POLL: Duration = Duration::from_millis(50);
    while matches!(shared.lock().child.as_mut().map(Child::try_wait), Some(Ok(None))) {
        std::thread::sleep(POLL);
    }
}
