//! A connection out of the pool, and how it gets back.
//!
//! sqlx gives a connection back by asking it whether it is well, without a limit: on a host that went silent that takes
//! as long as TCP does not give up, a quarter of an hour, and holds a place in the pool for as long. So the way back is
//! ours: a transaction that is open is rolled back, all within [`RELEASE`], and what does not answer is closed.

use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use super::health::Health;
use super::statement::failure;
use crate::kernel::{Error, Result};

/// How long a connection may take to get back into the pool.
const RELEASE: Duration = Duration::from_secs(5);

/// A connection that goes back to the pool when it is dropped.
pub(super) struct Connection {
    /// None only while it is dropped.
    pooled: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
    health: Health,
}

/// A connection, lent to one statement.
pub(super) struct Lent<'c> {
    /// The connection.
    pub(super) connection: &'c mut PgConnection,
    /// What is known about the database behind it.
    pub(super) health: &'c Health,
    in_transaction: &'c mut bool,
}

impl Lent<'_> {
    /// Begins a transaction, which ends with [`Connection::commit`], or else is rolled back.
    pub(super) async fn begin(&mut self, sql: &'static str) -> Result<()> {
        // Before it is begun: whoever stops waiting for the answer leaves one that has to be rolled back.
        *self.in_transaction = true;
        self.simple(sql).await
    }

    async fn simple(&mut self, sql: &'static str) -> Result<()> {
        self.health.during(sqlx::raw_sql(sql).execute(&mut *self.connection)).await.map_err(failure)?;
        Ok(())
    }
}

impl Connection {
    pub(super) fn new(pooled: PoolConnection<Postgres>, health: Health) -> Self {
        Self { pooled: Some(pooled), in_transaction: false, health }
    }

    /// Begins a transaction, which ends with [`Connection::commit`], or else is rolled back.
    pub(super) async fn begin(self) -> Result<Self> {
        self.begin_by("begin").await
    }

    /// Begins a transaction that sees nothing of what others commit meanwhile, and writes nothing.
    pub(super) async fn begin_snapshot(self) -> Result<Self> {
        self.begin_by("begin transaction isolation level repeatable read read only").await
    }

    async fn begin_by(mut self, sql: &'static str) -> Result<Self> {
        self.lent()?.begin(sql).await?;
        Ok(self)
    }

    /// Whether there is a transaction.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Commits, if there is a transaction.
    pub(super) async fn commit(mut self) -> Result<()> {
        if self.in_transaction {
            self.lent()?.simple("commit").await?;
            self.in_transaction = false;
        }
        Ok(())
    }

    fn lent(&mut self) -> Result<Lent<'_>> {
        self.lend().ok_or_else(|| Error::internal("the connection was given back"))
    }

    /// The connection, for one statement.
    pub(super) fn lend(&mut self) -> Option<Lent<'_>> {
        let connection = self.pooled.as_deref_mut()?;
        Some(Lent { connection, health: &self.health, in_transaction: &mut self.in_transaction })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Without a runtime everything is being taken down, the pool included.
        if let (Some(pooled), Ok(runtime)) = (self.pooled.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(release(pooled, self.in_transaction, self.health.clone()));
        }
    }
}

async fn release(mut pooled: PoolConnection<Postgres>, in_transaction: bool, health: Health) {
    if health.is_lost() {
        pooled.close_on_drop();
        return;
    }
    if in_transaction {
        let rolled_back = timeout(RELEASE, sqlx::raw_sql("rollback").execute(&mut *pooled)).await;
        if !matches!(rolled_back, Ok(Ok(_))) {
            pooled.close_on_drop();
            return;
        }
    }
    // Given up, it is closed on the spot, and its place in the pool is free.
    if timeout(RELEASE, pooled.return_to_pool()).await.is_err() {
        tracing::warn!("a connection to PostgreSQL does not answer and is closed");
    }
}
