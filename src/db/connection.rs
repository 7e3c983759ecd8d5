//! A connection out of the pool, and how it gets back.
//!
//! sqlx gives a connection back by asking it whether it is well, without a limit: on a host that went silent that takes
//! as long as TCP does not give up, a quarter of an hour, and holds a place in the pool for as long. So the way back is
//! ours: a transaction that is open is rolled back, all within [`RELEASE`], and what does not answer is closed. What is
//! in good order does not even go that way, but lies [ready](super::ready).

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use super::health::Health;
use super::ready::{Kept, Ready, Taken};
use super::statement::failure;
use crate::kernel::{Error, Result};

/// How long a connection may take to get back into the pool.
const RELEASE: Duration = Duration::from_secs(5);

/// A connection that goes back to the pool when it is dropped.
pub(super) struct Connection {
    /// None only while it is dropped.
    taken: Option<Taken>,
    in_transaction: bool,
    /// Whether every statement that was begun has ended well: an answer that nobody waited for may be on its way.
    settled: bool,
    health: Health,
    ready: Arc<Ready>,
}

/// A connection, lent to one statement.
pub(super) struct Lent<'c> {
    /// The connection.
    pub(super) connection: &'c mut PgConnection,
    /// What is known about the database behind it.
    pub(super) health: &'c Health,
    in_transaction: &'c mut bool,
    settled: &'c mut bool,
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
        self.settle();
        Ok(())
    }

    /// Notes that what was begun on it has ended well.
    pub(super) fn settle(&mut self) {
        *self.settled = true;
    }
}

impl Connection {
    pub(super) fn new(taken: Taken, health: Health, ready: Arc<Ready>) -> Self {
        Self { taken: Some(taken), in_transaction: false, settled: true, health, ready }
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

    /// Rolls back, if there is a transaction, so that what it held is free when this returns. If that fails, the way back to
    /// the pool tries again.
    pub(super) async fn roll_back(mut self) {
        if self.in_transaction
            && let Some(mut lent) = self.lend()
            && matches!(timeout(RELEASE, lent.simple("rollback")).await, Ok(Ok(())))
        {
            self.in_transaction = false;
        }
    }

    fn lent(&mut self) -> Result<Lent<'_>> {
        self.lend().ok_or_else(|| Error::internal("the connection was given back"))
    }

    /// The connection, for one statement.
    pub(super) fn lend(&mut self) -> Option<Lent<'_>> {
        let connection = &mut *self.taken.as_mut()?.kept.pooled;
        self.settled = false;
        let (in_transaction, settled) = (&mut self.in_transaction, &mut self.settled);
        Some(Lent { connection, health: &self.health, in_transaction, settled })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let in_order = self.settled && !self.in_transaction;
        let lay_down = |taken| if in_order { self.ready.lay_down(taken, &self.health) } else { Some(taken) };
        let Some(Taken { kept, place }) = self.taken.take().and_then(lay_down) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // Everything is being taken down, the pool included.
            drop(kept.pooled.leak());
            return;
        };
        let (health, in_transaction) = (self.health.clone(), self.in_transaction);
        runtime.spawn(async move {
            release(kept, in_transaction, health).await;
            drop(place);
        });
    }
}

/// Gives a connection back to the pool.
pub(super) async fn release(mut kept: Kept, in_transaction: bool, health: Health) {
    if health.is_lost() {
        kept.pooled.close_on_drop();
        return;
    }
    if in_transaction {
        let rolled_back = timeout(RELEASE, sqlx::raw_sql("rollback").execute(&mut *kept.pooled)).await;
        if !matches!(rolled_back, Ok(Ok(_))) {
            kept.pooled.close_on_drop();
            return;
        }
    }
    // The pool asks only whether it answers, and a server that has been demoted does.
    if kept.is_doubted(&health) && !health.try_out(&mut kept.pooled).await {
        kept.pooled.close_on_drop();
        return;
    }
    if kept.has_stayed() && !forget_plans(&mut kept).await {
        kept.pooled.close_on_drop();
        return;
    }
    // Given up, it is closed on the spot, and its place in the pool is free.
    if timeout(RELEASE, kept.pooled.return_to_pool()).await.is_err() {
        tracing::warn!("a connection to PostgreSQL does not answer and is closed");
    }
}

/// Has a connection make its plans anew; whether it answered.
///
/// PostgreSQL keeps the plan of a prepared statement until a table of it is analysed, which may be a minute or two after
/// that table began to grow. What was planned for an empty one joins by reading all of both sides: a list that takes a
/// tenth of a millisecond took half a second when there were twenty thousand members. So no plan is older than a
/// connection is out of the pool, which costs each statement in use one planning in that time.
async fn forget_plans(kept: &mut Kept) -> bool {
    let forgotten = timeout(RELEASE, sqlx::raw_sql("discard plans").execute(&mut *kept.pooled)).await;
    matches!(forgotten, Ok(Ok(_)))
}
