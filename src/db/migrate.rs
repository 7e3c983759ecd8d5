//! Migrations: applied at start, by one server at a time.
//!
//! sqlx takes an advisory lock for the whole of it, so that any number of servers may start at once. A landed
//! migration is never edited; each is forward only, and written so that the former version goes on working beside it
//! (`docs/architecture.md` has the rules).

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Database, System};
use crate::kernel::{Error, Result};
use crate::sql;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("./migrations");
    // The former version must be able to start after a newer one has migrated: that is how one goes back.
    migrations.set_ignore_missing(true);
    migrations
});

/// How long a migration waits for a lock. Everybody who comes after it waits as well, so it gives up and tries again
/// later, between the transactions of those who work.
const LOCK_TIME: &str = "1s";
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Applies what is missing. Waits for other servers that are at it, and for as long as a lock is not to be had.
pub async fn run(database: &Database) -> Result<()> {
    // A migration takes as long as it takes.
    let options = database.pool().connect_options();
    let options = PgConnectOptions::clone(&options).options([("lock_timeout", LOCK_TIME), ("statement_timeout", "0")]);
    while let Err(error) = attempt(&options).await {
        match waits_for(&error) {
            Some(Lock::Turn) => tracing::info!("another server migrates the database; waiting for it"),
            Some(Lock::Table(version)) => tracing::warn!(
                version,
                "a migration could not have a table for itself within {LOCK_TIME} and is tried again; look for long \
                 transactions in pg_stat_activity"
            ),
            None => return Err(Error::internal(error)),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let unknown = unknown(database).await?;
    if unknown > 0 {
        tracing::warn!(unknown, "a newer version has migrated this database");
    }
    renew_epoch(database).await
}

/// On a connection of its own, whose end gives back every lock however it went.
async fn attempt(options: &PgConnectOptions) -> std::result::Result<(), MigrateError> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let outcome = MIGRATIONS.run(&pool).await;
    pool.close().await;
    outcome
}

/// What an attempt waited for in vain.
enum Lock {
    /// The right to migrate, which another server has.
    Turn,
    /// What the migration of this version changes.
    Table(i64),
}

fn waits_for(error: &MigrateError) -> Option<Lock> {
    let (error, lock) = match error {
        MigrateError::Execute(error) => (error, Lock::Turn),
        MigrateError::ExecuteMigration(error, version) => (error, Lock::Table(*version)),
        _ => return None,
    };
    let refused = matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("55P03"));
    refused.then_some(lock)
}

/// How many migrations this program knows that the database does not have.
pub async fn pending(database: &Database) -> Result<usize> {
    let applied = applied(database).await?;
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).count())
}

/// How many migrations the database has that this program does not know: a newer version made them.
pub async fn unknown(database: &Database) -> Result<usize> {
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    Ok(applied(database).await?.iter().filter(|version| !known.contains(version)).count())
}

/// Whether there is a schema of ours at all.
pub async fn is_begun(database: &Database) -> Result<bool> {
    Ok(!applied(database).await?.is_empty())
}

/// How many migrations this program knows.
pub fn count() -> usize {
    MIGRATIONS.iter().count()
}

async fn applied(database: &Database) -> Result<Vec<i64>> {
    match database.system().await?.query(sql!("select version from _sqlx_migrations where success")).values().await {
        Err(error) if is_undefined_table(&error) => Ok(Vec::new()),
        versions => versions,
    }
}

fn is_undefined_table(error: &Error) -> bool {
    matches!(error.source_as::<sqlx::Error>(), Some(sqlx::Error::Database(e)) if e.code().as_deref() == Some("42P01"))
}

/// Begins a new epoch of the event log if the log was restored into another cluster.
///
/// Transaction ids order the log, and count from the start in a new cluster. Events that carry ids from the future
/// would stay invisible, and new ones would sort before them; a higher epoch puts the new ones behind, and shows all
/// of the old.
async fn renew_epoch(database: &Database) -> Result<()> {
    // Asked outside of the transaction: two servers that had both asked inside would each wait for the other to let go.
    if !is_restored(&mut database.system().await?).await? {
        return Ok(());
    }
    database
        .write_system(async |system| {
            // Each writer of events has read the epoch, and so holds a lock on it until it ends. Waiting for them means
            // that no event of the old epoch can come after it is shown whole.
            system.define("lock table event_epoch in access exclusive mode".to_owned()).await?;
            // Another server may have been faster.
            if is_restored(system).await? {
                system.query(sql!("update event_epoch set epoch = epoch + 1")).run().await?;
                tracing::warn!("the event log comes from another PostgreSQL cluster; a new epoch of it begins");
            }
            Ok(())
        })
        .await
}

async fn is_restored(system: &mut System) -> Result<bool> {
    system
        .query(sql!(
            "select exists (select from events
                            where epoch + 0 = (select epoch from event_epoch)
                              and xid >= pg_snapshot_xmax(pg_current_snapshot()))
                 or exists (select from webhook_cursor
                            where epoch = (select epoch from event_epoch)
                              and xid > pg_snapshot_xmax(pg_current_snapshot()))
                 or exists (select from webhook_endpoints
                            where epoch = (select epoch from event_epoch)
                              and pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot()))"
        ))
        .value()
        .await
}
