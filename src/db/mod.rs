//! Floor 1: the way to PostgreSQL.
//!
//! [`Database`] is the pool with the clock and the mint that writing needs. From it come [`Db`] (reading within one
//! environment), [`Tx`] (writing within one environment) and [`System`] (across environments, accepted only under
//! `store/system/`). SQL itself is written in `store/`, as [`sql!`](crate::sql) literals; see [`statement`].

pub mod embedded;
pub mod migrate;
pub mod scope;
pub mod statement;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Notify;

use crate::kernel::Result;
use crate::kernel::clock::Clock;
use crate::kernel::crypto::Random;
use crate::kernel::id::Mint;

pub use crate::kernel::id::EnvironmentKey;
pub use scope::{Db, System, Tx};
pub use statement::OnConstraint;

/// The database, with what every transaction needs besides it.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    /// The clock that transactions read.
    pub clock: Clock,
    /// The source of new ids.
    pub mint: Mint,
    /// The source of randomness.
    pub random: Random,
    /// Rings when a transaction has written mail, for the worker of this process that sends it.
    pub mail_bell: Arc<Notify>,
}

/// A connection that lay idle this long is tried before it is used.
const TRUST_IDLE: Duration = Duration::from_secs(30);

impl Database {
    /// Opens a pool of at most that many connections. Nothing is connected yet.
    pub fn open(options: PgConnectOptions, connections: u32, clock: Clock, random: Random) -> Self {
        let options = options
            .application_name("vestibule")
            // No statement holds up the others for long: the pool is shared by all environments.
            .options([
                ("lock_timeout", "5s"),
                ("statement_timeout", "60s"),
                ("idle_in_transaction_session_timeout", "60s"),
            ])
            .statement_cache_capacity(1000)
            .log_statements(tracing::log::LevelFilter::Off)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .max_lifetime(Duration::from_mins(30))
            // The default, a ping before every use, costs a round trip on each request.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for < TRUST_IDLE {
                        return Ok(true);
                    }
                    Ok(connection.ping().await.is_ok())
                })
            })
            .connect_lazy_with(options);
        Self::of(pool, clock, random)
    }

    /// The database of a pool that is open already, with another clock: tests share one pool.
    pub fn of(pool: PgPool, clock: Clock, random: Random) -> Self {
        let mint = Mint::new(clock.clone(), random.clone());
        Self { pool, clock, mint, random, mail_bell: Arc::default() }
    }

    /// A connection for reading within an environment.
    pub async fn read(&self, environment: EnvironmentKey) -> Result<Db> {
        Ok(Db::pooled(self.pool.acquire().await.map_err(statement::failure)?, environment))
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
        let transaction = self.pool.begin().await.map_err(statement::failure)?;
        let mut tx = Tx::new(transaction, environment, self);
        let outcome = change(&mut tx).await?;
        if tx.commit().await?.has_mail {
            self.mail_bell.notify_one();
        }
        Ok(outcome)
    }

    /// A connection that belongs to no environment.
    pub async fn system(&self) -> Result<System> {
        Ok(System::pooled(self.pool.acquire().await.map_err(statement::failure)?, self))
    }

    /// Runs the closure in a transaction that belongs to no environment.
    pub async fn write_system<T>(&self, change: impl AsyncFnOnce(&mut System) -> Result<T>) -> Result<T> {
        let transaction = self.pool.begin().await.map_err(statement::failure)?;
        let mut system = System::transaction(transaction, self);
        let outcome = change(&mut system).await?;
        system.commit().await?;
        Ok(outcome)
    }

    /// The pool itself, for migrations and for its figures.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes every connection, after the statements that run.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
