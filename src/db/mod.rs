//! Floor 1: the way to PostgreSQL.
//!
//! [`Database`] is the pool with the clock and the mint that writing needs. From it come [`Db`] (reading within one
//! environment), [`Tx`] (writing within one environment) and [`System`] (across environments, accepted only under
//! `store/system/`). SQL itself is written in `store/`, as [`sql!`](crate::sql) literals; see [`statement`].

mod connection;
pub mod embedded;
pub mod examine;
pub mod health;
pub mod lease;
pub mod migrate;
mod ready;
pub mod scope;
pub mod statement;
mod unit;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::Notify;

use connection::Connection;
use health::Health;
use ready::{Ready, Taken};

use crate::kernel::Result;
use crate::kernel::clock::Clock;
use crate::kernel::crypto::Random;
use crate::kernel::id::Mint;

pub use crate::kernel::id::EnvironmentKey;
pub use scope::{Db, System, Tx};
pub use statement::{OnConstraint, is_lock_timeout};

/// The database, with what every transaction needs besides it.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    ready: Arc<Ready>,
    health: Health,
    /// How many wait for a connection just now.
    waiting: Arc<AtomicU32>,
    /// The clock that transactions read.
    pub clock: Clock,
    /// The source of new ids.
    pub mint: Mint,
    /// The source of randomness.
    pub random: Random,
    bells: Bells,
}

/// What wakes the workers of this process when a transaction has left them something to do.
#[derive(Debug, Clone, Default)]
struct Bells {
    events: Arc<Notify>,
    mail: Arc<Notify>,
}

/// A connection that lay idle this long is tried before it is used.
const TRUST_IDLE: Duration = Duration::from_secs(30);

impl Database {
    /// Opens a pool of at most that many connections. Nothing is connected yet.
    pub fn open(options: PgConnectOptions, connections: u32, clock: Clock, random: Random) -> Self {
        let options = options
            .application_name("vestibule")
            // No statement holds up the others for long: the pool is shared by all environments. Clients have more
            // patience than this wait for a lock has, or they would not hear how it ended.
            .options([
                ("lock_timeout", "4s"),
                ("statement_timeout", "60s"),
                ("idle_in_transaction_session_timeout", "60s"),
                // All statements are short and find their rows by indexes, most pages of which are in memory: a page
                // anywhere costs no more than the next one, and nothing is worth compiling.
                ("random_page_cost", "1.1"),
                ("jit", "off"),
            ])
            .statement_cache_capacity(1000)
            .log_statements(tracing::log::LevelFilter::Off)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
        let health = Health::default();
        let pool = pool(connections, &health).connect_lazy_with(options);
        Self { health, ..Self::of(pool, clock, random) }
    }

    /// The database of a pool that is open already, with another clock: tests share one pool.
    pub fn of(pool: PgPool, clock: Clock, random: Random) -> Self {
        let mint = Mint::new(clock.clone(), random.clone());
        Self {
            ready: Arc::new(Ready::of(&pool)),
            pool,
            health: Health::default(),
            waiting: Arc::default(),
            clock,
            mint,
            random,
            bells: Bells::default(),
        }
    }

    /// What is known about whether the database can be worked with.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Watches over the database for as long as the future is polled; see [`health`]. Only then can connections lie
    /// ready without being asked how they are.
    pub async fn watch(&self) {
        let options = self.pool.connect_options();
        tokio::join!(health::watch(&self.health, &options), self.ready.keep_open(&self.health));
    }

    /// How many wait for a connection just now.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    async fn acquire(&self) -> Result<Connection> {
        let taken = match self.ready.take(&self.health) {
            Some(taken) => taken,
            // In a box: whatever opens a connection is large, and would be part of every request that is moved.
            None => Box::pin(self.wait()).await.map_err(statement::failure)?,
        };
        Ok(Connection::new(taken, self.health.clone(), Arc::clone(&self.ready)))
    }

    async fn wait(&self) -> sqlx::Result<Taken> {
        let _waiting = Waiting::begin(&self.waiting);
        self.health.during(self.ready.wait(&self.pool, &self.health)).await
    }

    async fn begin(&self) -> Result<Connection> {
        self.acquire().await?.begin().await
    }

    /// A connection for reading within an environment.
    pub async fn read(&self, environment: EnvironmentKey) -> Result<Db> {
        Ok(Db::new(self.acquire().await?, environment))
    }

    /// A connection for reading much within an environment, which goes on seeing what is there now.
    pub async fn snapshot(&self, environment: EnvironmentKey) -> Result<Db> {
        Ok(Db::new(self.acquire().await?.begin_snapshot().await?, environment))
    }

    /// Runs the closure in a transaction within an environment: commits on Ok, rolls back on Err.
    ///
    /// There is no other way to write, so nobody can forget either. The events that the closure emits are part of
    /// the transaction.
    pub async fn write<T>(
        &self,
        environment: EnvironmentKey,
        change: impl AsyncFnOnce(&mut Tx) -> Result<T>,
    ) -> Result<T> {
        let mut tx = Tx::new(self.acquire().await?, environment, self);
        match change(&mut tx).await {
            Ok(outcome) => tx.commit().await.map(|()| outcome),
            Err(refusal) => {
                // Before it is told: whoever was refused may ask for something else at once, and meets nobody's locks.
                tx.roll_back().await;
                Err(refusal)
            }
        }
    }

    /// A connection that belongs to no environment.
    pub async fn system(&self) -> Result<System> {
        Ok(System::new(self.acquire().await?, self))
    }

    /// Runs the closure in a transaction that belongs to no environment. If it recalled what servers remember
    /// ([`System::recall`]), this returns once none of them goes by it any more.
    pub async fn write_system<T>(&self, change: impl AsyncFnOnce(&mut System) -> Result<T>) -> Result<T> {
        let mut system = System::new(self.begin().await?, self);
        match change(&mut system).await {
            Ok(outcome) => {
                if system.commit().await? {
                    lease::outlast().await;
                }
                Ok(outcome)
            }
            Err(refusal) => {
                system.roll_back().await;
                Err(refusal)
            }
        }
    }

    /// Rings when this process has committed events: a hint for its workers, since what others commit rings nothing.
    pub fn announced(&self) -> &Notify {
        &self.bells.events
    }

    /// Rings when this process has committed mail: likewise.
    pub fn posted(&self) -> &Notify {
        &self.bells.mail
    }

    /// The pool itself, for migrations and for its figures.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes every connection, after the statements that run.
    pub async fn close(&self) {
        let closed = self.pool.close();
        self.ready.close(&self.health);
        closed.await;
    }

    /// How many connections are open and used by nobody.
    pub fn idle(&self) -> usize {
        self.pool.num_idle() + self.ready.count()
    }
}

/// The pool's rules: whom it trusts, and for how long.
fn pool(connections: u32, health: &Health) -> PgPoolOptions {
    let [opening, taking] = [health, health].map(Health::clone);
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ready::PATIENCE)
        .max_lifetime(Duration::from_mins(30))
        // The default, a ping before every use, costs a round trip on each request.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let health = opening.clone();
            Box::pin(
                async move { if health.try_out(connection).await { Ok(()) } else { Err(sqlx::Error::WorkerCrashed) } },
            )
        })
        .before_acquire(move |connection, meta| {
            let health = taking.clone();
            Box::pin(async move {
                if meta.idle_for < TRUST_IDLE && !health.was_doubted_within(meta.idle_for) {
                    return Ok(true);
                }
                Ok(health.try_out(connection).await)
            })
        })
}

/// Counts one who waits, until it is dropped: those who stop waiting are not counted for ever.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
