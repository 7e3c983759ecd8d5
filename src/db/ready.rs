//! Connections that lie ready to be used again.
//!
//! sqlx asks every connection that is given back how it is: a round trip for each request, and a connection that nobody
//! can use meanwhile. So one that was given back in good order lies here instead, and is handed out again without a
//! question. That ends [`STAY`] after it was taken out of the pool: then it goes back without its plans, and the pool does
//! what it does, tests it, and closes what is too old. A doubt about the database ends it at once.
//!
//! Connections lie here only while somebody [keeps](Ready::keep_open) them: who uses the pool itself (migrations, tests)
//! would wait for what lies here.
//!
//! There are as many places as the pool has connections. Whoever has a place waits for nobody in the pool: what is not
//! in use is either here, and then it is taken from here, or there, or on its way there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::release;
use super::health::Health;

/// How long a connection is out of the pool at most, but for the request that runs on it.
const STAY: Duration = Duration::from_secs(10);
/// How often what may not stay is looked for: a connection that nobody takes has to go back as well.
const SWEEP: Duration = Duration::from_secs(5);
/// How long somebody waits for a place, and then for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The connections that lie ready.
#[derive(Debug)]
pub(super) struct Ready {
    places: Arc<Semaphore>,
    /// None while nobody keeps them.
    kept: Mutex<Option<Vec<Kept>>>,
}

/// A connection out of the pool.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) pooled: PoolConnection<Postgres>,
    /// When it was taken out of the pool.
    taken: Instant,
}

/// A connection in use.
pub(super) struct Taken {
    pub(super) kept: Kept,
    pub(super) place: OwnedSemaphorePermit,
}

impl Ready {
    /// For this pool.
    pub(super) fn of(pool: &PgPool) -> Self {
        let places = usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX);
        Self { places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))), kept: Mutex::new(None) }
    }

    /// The connection that was given back last, if there is one and it can be trusted. Does not wait.
    pub(super) fn take(&self, health: &Health) -> Option<Taken> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let kept = self.lock().as_mut().and_then(Vec::pop)?;
        if kept.is_trusted(health) {
            return Some(Taken { kept, place });
        }
        kept.give_back(health);
        None
    }

    /// The same, or a connection of the pool, as soon as there is one.
    pub(super) async fn wait(&self, pool: &PgPool, health: &Health) -> sqlx::Result<Taken> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let kept = self.lock().as_mut().and_then(Vec::pop);
        match kept {
            Some(kept) if kept.is_trusted(health) => return Ok(Taken { kept, place }),
            Some(kept) => kept.give_back(health),
            None => {}
        }
        Ok(Taken { kept: Kept { pooled: pool.acquire().await?, taken: Instant::now() }, place })
    }

    /// Lays down a connection that is in good order; returns it if it has to go to the pool.
    pub(super) fn lay_down(&self, connection: Taken, health: &Health) -> Option<Taken> {
        match self.lock().as_mut() {
            // Its place is given up once it lies here, so that whoever gets the place finds it.
            Some(all) if connection.kept.is_trusted(health) => {
                all.push(connection.kept);
                drop(connection.place);
                None
            }
            _ => Some(connection),
        }
    }

    /// How many lie here.
    pub(super) fn count(&self) -> usize {
        self.lock().as_ref().map_or(0, Vec::len)
    }

    /// Lets connections lie here for as long as the future is polled. Those that are left go back to the pool.
    pub(super) async fn keep_open(&self, health: &Health) {
        let _open = Open::begin(self, health);
        loop {
            // Elapsed, or the database is lost: either way it is time.
            let _ = timeout(SWEEP, health.gone()).await;
            self.sweep(health);
        }
    }

    /// Gives back what may not stay.
    fn sweep(&self, health: &Health) {
        let over = self.lock().as_mut().map(|all| all.extract_if(.., |kept| !kept.is_trusted(health)).collect());
        let over: Vec<_> = over.unwrap_or_default();
        over.into_iter().for_each(|kept| kept.give_back(health));
    }

    /// Lets no connection lie here any more. Those that do go back to the pool, which closes them if it is closed.
    pub(super) fn close(&self, health: &Health) {
        let left = self.lock().take();
        left.into_iter().flatten().for_each(|kept| kept.give_back(health));
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether it may be used without a question: it has not been out for long, and nothing happened meanwhile.
    fn is_trusted(&self, health: &Health) -> bool {
        !self.has_stayed() && !self.is_doubted(health)
    }

    /// Whether it has been out for as long as it may.
    pub(super) fn has_stayed(&self) -> bool {
        self.taken.elapsed() >= STAY
    }

    /// Whether something happened to the database since it was taken out of the pool.
    pub(super) fn is_doubted(&self, health: &Health) -> bool {
        health.is_lost() || health.was_doubted_within(self.taken.elapsed())
    }

    /// Sends it back to the pool, on which nobody has to wait.
    fn give_back(self, health: &Health) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(release(self, false, health.clone()))),
            // Everything is being taken down, the pool included.
            Err(_) => drop(self.pooled.leak()),
        }
    }
}

/// While it is there, connections may lie ready.
struct Open<'a> {
    ready: &'a Ready,
    health: &'a Health,
}

impl<'a> Open<'a> {
    fn begin(ready: &'a Ready, health: &'a Health) -> Self {
        ready.lock().get_or_insert_default();
        Self { ready, health }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.ready.close(self.health);
    }
}
