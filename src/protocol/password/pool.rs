//! Threads that hash passwords, and the bounded queue in front of them.
//!
//! Why threads of our own instead of `spawn_blocking`: those must not run at a lower priority, because they are
//! shared with other work, and each hash there would allocate its 19 MiB anew. Knows nothing about what it runs.
//!
//! While requests are served that need no hash, one thread stands still, so that there is a core without a hash
//! ([`Limits::at_once`]). A low priority alone was not enough: in a flood of sign-ins one read of a hundred waited for some
//! milliseconds, about as long as it takes the scheduler to look at a core again. So a flood beside reads has half of its
//! rate on two cores and seven eighths on eight, and a flood that is alone has all of it.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Error;
use super::others::{self, Others};
use super::phc::Memory;

const QUEUE: &str = "vestibule_password_hash_queue";
const RUNNING: &str = "vestibule_password_hash_running";
const AT_ONCE: &str = "vestibule_password_hash_at_once";
const MEMORY: &str = "vestibule_password_hash_memory_bytes";
const SECONDS: &str = "vestibule_password_hash_seconds";
const REFUSED: &str = "vestibule_password_hash_refused_total";

/// How many nice levels the threads go down. 10 levels are a tenth of the weight (sched(7)): sign-ins still advance
/// when the machine is full of other work.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// A full queue of the default length is worked off in half of this time where nothing else wants the cores.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes for hashes that take more than a thread keeps for itself, of all threads together: as much as the dearest one
/// takes that is accepted. Whoever does not fit waits, and lets cheaper ones pass.
const EXTRA_MEMORY: usize = 256 * 1024 * 1024;

/// How much hashing is done at once, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Hashes at the same time, each on a thread of its own with 19 MiB. More than cores gains nothing.
    pub threads: NonZeroUsize,
    /// Passwords that may wait. The time that the last one waits is this, divided by `threads`, times 20 ms.
    pub queue: NonZeroUsize,
    /// How long a thread without work keeps its memory.
    pub keep_memory: Duration,
    /// For how long others have a core for themselves after one of them was served.
    pub make_way: Duration,
}

impl Default for Limits {
    /// A thread for each core, half a second of work waiting, memory kept for ten seconds; a fifth of a second for others,
    /// which five requests a second make into always.
    fn default() -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let queue = threads.saturating_mul(NonZeroUsize::MIN.saturating_add(24));
        Self { threads, queue, keep_memory: Duration::from_secs(10), make_way: Duration::from_millis(200) }
    }
}

impl Limits {
    /// How many passwords may be hashed at once if others have been away for so long: one fewer while they are here, and
    /// never none.
    pub fn at_once(&self, away: Option<Duration>) -> usize {
        let others = away.is_some_and(|away| away < self.make_way);
        (self.threads.get() - usize::from(others)).max(1)
    }
}

/// How busy a hasher is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Passwords that wait.
    pub queued: usize,
    /// Passwords being hashed.
    pub running: usize,
    /// Passwords that may be hashed at the same time just now.
    pub at_once: usize,
    /// Bytes that the threads hold, and that dear hashes take beyond them.
    pub memory: usize,
}

struct Job {
    /// Bytes that it takes beyond what a thread keeps for itself.
    extra: usize,
    work: Box<dyn FnOnce(&mut Memory) + Send>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    running: usize,
    memory: usize,
    extra: usize,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    limits: Limits,
    others: Others,
}

/// The threads live as long as one clone of this does.
#[derive(Clone)]
pub(super) struct Pool {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

impl Pool {
    pub(super) fn start(limits: Limits) -> std::io::Result<Self> {
        describe();
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new(), limits, others: Others::none() });
        // Made first, so that the threads already started end if one cannot be.
        let pool = Self { handle: Arc::new(Handle { shared: Arc::clone(&shared) }) };
        for number in 0..limits.threads.get() {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("password-{number}")).spawn(move || shared.serve())?;
        }
        Ok(pool)
    }

    /// Runs `work` on one of the threads. Work whose caller has gone away by the time its turn comes is skipped.
    ///
    /// `extra` is how many bytes it takes beyond the memory that it is lent, while it runs.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        extra: usize,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        others::ask();
        let (answer, receiver) = oneshot::channel();
        let work = Box::new(move |memory: &mut Memory| {
            if !answer.is_closed() {
                let started = Instant::now();
                let result = work(memory);
                metrics::histogram!(SECONDS).record(started.elapsed().as_secs_f64());
                drop(answer.send(result));
            }
        });
        self.handle.shared.submit(Job { extra, work })?;
        receiver.await.map_err(|_| Error::Interrupted)
    }

    pub(super) fn admit(&self) -> Result<(), Error> {
        others::ask();
        self.handle.shared.admit(&self.handle.shared.lock())
    }

    pub(super) fn others_served(&self) {
        self.handle.shared.others.served();
    }

    pub(super) fn load(&self) -> Load {
        let at_once = self.handle.shared.at_once();
        let state = self.handle.shared.lock();
        let State { running, memory, extra, .. } = *state;
        Load { queued: state.queue.len(), running, at_once, memory: memory + extra }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("limits", &self.handle.shared.limits).field("load", &self.load()).finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn admit(&self, state: &State) -> Result<(), Error> {
        if state.queue.len() >= self.limits.queue.get() {
            metrics::counter!(REFUSED).increment(1);
            return Err(Error::Busy { retry_after: RETRY_AFTER });
        }
        Ok(())
    }

    fn submit(&self, job: Job) -> Result<(), Error> {
        let mut state = self.lock();
        self.admit(&state)?;
        state.queue.push_back(job);
        self.publish(&state);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// The life of one thread.
    fn serve(&self) {
        lower_priority();
        let mut memory = Memory::default();
        while let Some(job) = self.next(&mut memory) {
            let (held, Job { extra, work }) = (memory.bytes(), job);
            // A panic is a bug in one hash; the caller sees it as an interruption, and the thread lives on.
            if catch_unwind(AssertUnwindSafe(|| work(&mut memory))).is_err() {
                memory.release();
            }
            let mut state = self.lock();
            state.running -= 1;
            state.memory = state.memory - held + memory.bytes();
            state.extra -= extra;
            self.publish(&state);
            if extra > 0 {
                // One that waits for this memory, and was passed over, may run now on any thread.
                self.work.notify_all();
            }
        }
    }

    /// Waits for work. None means that nobody is left to ask for any.
    fn next(&self, memory: &mut Memory) -> Option<Job> {
        let mut state = self.lock();
        loop {
            let is_held = state.running >= self.at_once();
            if !is_held && let Some(job) = state.take() {
                state.running += 1;
                state.extra += job.extra;
                self.publish(&state);
                return Some(job);
            }
            if state.closed && state.queue.is_empty() {
                return None;
            }
            state = if is_held && state.next_place().is_some() {
                self.make_way(state)
            } else if memory.bytes() == 0 {
                self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.wait_or_release(state, memory)
            };
        }
    }

    fn at_once(&self) -> usize {
        self.limits.at_once(self.others.away())
    }

    /// Leaves waiting work alone until others have been away for long enough, or another thread has done some. They may
    /// have come again meanwhile, and then it begins anew.
    fn make_way<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let rest = self.limits.make_way.saturating_sub(self.others.away().unwrap_or_default());
        self.work.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Under the lock, so that the last number published is the last one that was true.
    fn publish(&self, state: &State) {
        metrics::gauge!(QUEUE).set(state.queue.len() as f64);
        metrics::gauge!(RUNNING).set(state.running as f64);
        metrics::gauge!(AT_ONCE).set(self.at_once() as f64);
        metrics::gauge!(MEMORY).set((state.memory + state.extra) as f64);
    }

    /// Waits for work for as long as idle memory is kept, then gives the memory back.
    fn wait_or_release<'a>(&self, state: MutexGuard<'a, State>, memory: &mut Memory) -> MutexGuard<'a, State> {
        let wait = self.work.wait_timeout(state, self.limits.keep_memory);
        let (mut state, result) = wait.unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() && state.next_place().is_none() {
            state.memory -= memory.bytes();
            self.publish(&state);
            memory.release();
        }
        state
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the first that there is memory for.
    fn take(&mut self) -> Option<Job> {
        self.queue.remove(self.next_place()?)
    }

    /// Where it stands. One that does not fit is passed by those that need nothing extra, and by no other, so that its
    /// turn comes as soon as those before it are done.
    fn next_place(&self) -> Option<usize> {
        let fits = |job: &Job| self.extra == 0 || self.extra.saturating_add(job.extra) <= EXTRA_MEMORY;
        let dear = self.queue.iter().position(|job| job.extra > 0);
        let cheap = self.queue.iter().position(|job| job.extra == 0);
        let dear = dear.filter(|&place| fits(&self.queue[place]));
        dear.into_iter().chain(cheap).min()
    }
}

fn describe() {
    metrics::describe_gauge!(QUEUE, "Passwords that wait to be hashed or verified");
    metrics::describe_gauge!(RUNNING, "Passwords being hashed or verified");
    metrics::describe_gauge!(AT_ONCE, "Passwords that may be hashed at the same time; fewer while others are served");
    metrics::describe_gauge!(MEMORY, metrics::Unit::Bytes, "Memory held by the password hashing threads");
    metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "Time spent on one password, without waiting");
    metrics::describe_counter!(REFUSED, "Passwords refused because too many were waiting");
}

/// Linux keeps a nice value for each thread, and "this process" means the calling thread (setpriority(2)). Elsewhere
/// it would slow down the whole server, so nothing is done there.
#[cfg(target_os = "linux")]
fn lower_priority() {
    use rustix::process::{getpriority_process, setpriority_process};

    let lowered = getpriority_process(None).and_then(|nice| setpriority_process(None, (nice + NICE).min(19)));
    if let Err(error) = lowered {
        tracing::warn!(%error, "password hashing runs at normal priority: the system refused a lower one");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
