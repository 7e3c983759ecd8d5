//! Connections that lie ready to be used again.
//!
//! sqlx asks every connection that is given back how it is: a round trip for each request, and a connection that nobody
//! can use meanwhile. So one that was given back in good order lies here instead, and is handed out again without a
//! question. That ends [`STAY`] after it was taken out of the pool: then it goes back, and the pool does what it does,
//! tests it, and closes what is too old. A doubt about the database ends it at once.
//!
//! There are as many places as the pool has connections. Whoever has a place waits for nobody in the pool: what is not
//! in use is either here, and then it is taken from here, or there.

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
/// How long somebody waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The connections that lie ready.
#[derive(Debug)]
pub(super) struct Ready {
    places: Arc<Semaphore>,
    /// None once it is closed, and where the pool is shared with others, who would wait for what lies here.
    kept: Mutex<Option<Vec<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    pooled: PoolConnection<Postgres>,
    taken: Instant,
}

/// A connection in use.
pub(super) struct Taken {
    pub(super) pooled: PoolConnection<Postgres>,
    taken: Instant,
    pub(super) place: OwnedSemaphorePermit,
}

impl Ready {
    /// For a pool of that many connections, used by nobody else.
    pub(super) fn for_all(connections: u32) -> Self {
        let places = usize::try_from(connections).unwrap_or(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), kept: Mutex::new(Some(Vec::new())) }
    }

    /// For a pool that others use as well: nothing lies here.
    pub(super) fn shared() -> Self {
        Self { places: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), kept: Mutex::new(None) }
    }

    /// The connection that was given back last, or one of the pool.
    pub(super) async fn take(&self, pool: &PgPool, health: &Health) -> sqlx::Result<Taken> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        match self.lock().as_mut().and_then(Vec::pop) {
            Some(Kept { pooled, taken }) if is_trusted(taken, health) => return Ok(Taken { pooled, taken, place }),
            Some(Kept { pooled, .. }) => drop(tokio::spawn(release(pooled, false, health.clone()))),
            None => {}
        }
        Ok(Taken { pooled: pool.acquire().await?, taken: Instant::now(), place })
    }

    /// Keeps a connection that is in good order; returns it if it has to go to the pool.
    pub(super) fn keep(&self, connection: Taken, health: &Health) -> Option<Taken> {
        match self.lock().as_mut() {
            // Its place is given up once it lies here, so that whoever gets the place finds it.
            Some(kept) if is_trusted(connection.taken, health) => {
                let Taken { pooled, taken, place } = connection;
                kept.push(Kept { pooled, taken });
                drop(place);
                None
            }
            _ => Some(connection),
        }
    }

    /// How many lie here.
    pub(super) fn count(&self) -> usize {
        self.lock().as_ref().map_or(0, Vec::len)
    }

    /// Keeps none from now on. Those that were kept go back to the pool, which closes them if it is closed.
    pub(super) fn close(&self) {
        let kept = self.lock().take();
        drop(kept);
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_trusted(taken: Instant, health: &Health) -> bool {
    let time = taken.elapsed();
    time < STAY && !health.is_lost() && !health.was_doubted_within(time)
}
