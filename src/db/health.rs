//! Whether the database can be worked with, and who finds out.
//!
//! A database goes away in more ways than an error tells: a host that is cut off answers nothing at all, and a primary
//! that was demoted goes on reading. One connection of its own asks every other second ([`watch`]). While it gets no
//! answer, or that of a server that only reads, nobody waits: what runs is given up, what comes is refused at once, and
//! the connections of before are tried before they are trusted again.
//!
//! A server that only reads counts as lost, reads included: it may lag behind the one that took over, and would go on
//! accepting a key that was revoked there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Between two questions while all is well.
const INTERVAL: Duration = Duration::from_secs(2);
/// Between two questions while the database is lost: how long it takes to notice that it is back.
const RETRY: Duration = Duration::from_millis(250);
/// Between two questions at the least, however many doubts there are.
const BREATH: Duration = Duration::from_millis(20);
/// How long an answer may take. A database that is slower than this is of no use to anybody who waits for a page.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the trial of one connection may take, before another one is opened instead.
const TRIAL: Duration = Duration::from_secs(2);

/// What is known about the database. Cheap to clone; all clones know the same.
#[derive(Debug, Clone)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    lost: AtomicBool,
    /// Wakes those who wait for an answer when the database is lost.
    gone: Notify,
    /// Wakes who asks.
    doubted: Notify,
    /// Milliseconds from `begun` to the last doubt, and one more, so that 0 is never.
    doubt: AtomicU64,
    begun: Instant,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(State {
            lost: AtomicBool::new(false),
            gone: Notify::new(),
            doubted: Notify::new(),
            doubt: AtomicU64::new(0),
            begun: Instant::now(),
        }))
    }
}

impl Health {
    /// Whether the database does not answer, or answers as one that only reads. Always false where nobody watches.
    pub fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Acquire)
    }

    /// Does this with the database, but gives up when it is lost, and does not begin while it is.
    pub(super) async fn during<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        // Before the question, so that a loss between the two is heard of.
        let gone = self.0.gone.notified();
        if self.is_lost() {
            return Err(no_answer());
        }
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            () = gone => Err(no_answer()),
        };
        if let Err(error) = &outcome
            && is_of_the_connection(error)
        {
            self.doubt();
        }
        outcome
    }

    /// Something failed that may have failed for everybody: connections are tried before they are used again.
    fn doubt(&self) {
        let since = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.0.doubt.store(since + 1, Ordering::Release);
        self.0.doubted.notify_one();
    }

    /// Whether there was a doubt within that time.
    pub(super) fn was_doubted_within(&self, time: Duration) -> bool {
        match self.0.doubt.load(Ordering::Acquire) {
            0 => false,
            doubt => self.0.begun.elapsed().saturating_sub(Duration::from_millis(doubt)) <= time,
        }
    }

    /// Waits until the database is found to be lost the next time.
    pub(super) async fn gone(&self) {
        self.0.gone.notified().await;
    }

    /// Tries a connection: it must answer, and be one that writes.
    pub(super) async fn try_out(&self, connection: &mut PgConnection) -> bool {
        let well = matches!(timeout(TRIAL, is_read_only(connection)).await, Ok(Ok(false)));
        if !well {
            self.doubt();
        }
        well
    }

    fn lose(&self, reason: &str) {
        if !self.0.lost.swap(true, Ordering::AcqRel) {
            tracing::error!(reason, "the database is lost: requests are answered with 503 until it is back");
        }
        self.doubt();
        self.0.gone.notify_waiters();
    }

    fn find(&self) {
        if self.0.lost.swap(false, Ordering::AcqRel) {
            tracing::info!("the database is back");
        }
    }
}

/// Asks the database how it is, for as long as the future is polled.
pub(super) async fn watch(health: &Health, options: &PgConnectOptions) {
    let mut connection = None;
    loop {
        match timeout(PATIENCE, ask(&mut connection, options)).await {
            Ok(Ok(false)) => health.find(),
            Ok(Ok(true)) => {
                // The next one may lead to the server that took over.
                connection = None;
                health.lose("it only reads; another server may have taken its place");
            }
            // Whoever is connected already goes on working, and we are nobody to judge.
            Ok(Err(error)) if is_crowded(&error) => {}
            Ok(Err(error)) => {
                connection = None;
                health.lose(&error.to_string());
            }
            Err(_) => {
                connection = None;
                health.lose("no answer within 5 s");
            }
        }
        if health.is_lost() {
            tokio::time::sleep(RETRY).await;
        } else {
            tokio::time::sleep(BREATH).await;
            // Elapsed or doubted: either way it is time to ask.
            let _ = timeout(INTERVAL, health.0.doubted.notified()).await;
        }
    }
}

/// Asks on the connection of before, and on a new one if that is broken: a single connection may be ended by anybody.
async fn ask(connection: &mut Option<PgConnection>, options: &PgConnectOptions) -> sqlx::Result<bool> {
    if let Some(open) = connection
        && let Ok(answer) = is_read_only(open).await
    {
        return Ok(answer);
    }
    let mut fresh = options.connect().await?;
    let answer = is_read_only(&mut fresh).await;
    if let Some(old) = connection.replace(fresh) {
        // It is broken, so nobody is left to take leave of.
        let _ = old.close_hard().await;
    }
    answer
}

async fn is_read_only(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let row = sqlx::raw_sql("show transaction_read_only").fetch_one(connection).await?;
    Ok(row.try_get::<&str, _>(0)? == "on")
}

/// Whether the error is about the connection or the server behind it, rather than about the statement.
fn is_of_the_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        // Connection exceptions; a shutdown, a crash, a start; a server that only reads.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P") || code == "25006")
        }
        _ => false,
    }
}

/// Whether the server lets nobody else in.
fn is_crowded(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("53300"))
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database is lost"))
}
