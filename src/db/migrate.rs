//! Migrations: applied at start, by one server at a time.
//!
//! sqlx takes an advisory lock for the whole of it, so that any number of servers may start at once. A landed
//! migration is never edited; each is forward only.

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Database, System};
use crate::kernel::{Error, Result};
use crate::sql;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Applies what is missing.
pub async fn run(database: &Database) -> Result<()> {
    // A migration, or the wait for that of another server, takes as long as it takes; so it has a connection of its own.
    let options = database.pool().connect_options();
    let options = PgConnectOptions::clone(&options).options([("lock_timeout", "0"), ("statement_timeout", "0")]);
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let migrated = MIGRATIONS.run(&pool).await;
    pool.close().await;
    migrated.map_err(Error::internal)?;
    renew_epoch(database).await
}

/// How many migrations this program knows that the database does not have.
pub async fn pending(database: &Database) -> Result<usize> {
    let applied: Vec<i64> =
        match database.system().await?.query(sql!("select version from _sqlx_migrations where success")).values().await
        {
            Ok(versions) => versions,
            Err(error) if is_undefined_table(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).count())
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
