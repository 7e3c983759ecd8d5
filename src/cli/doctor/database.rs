//! What PostgreSQL tells: that it is there, ours, up to date, and sealed under our key.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::authorization;
use super::findings::Findings;
use crate::cli::Doctor;
use crate::cli::boot::existing_key;
use crate::cli::database;
use crate::db::examine::{Examination, examine as ask};
use crate::db::{Database, embedded, migrate};
use crate::domain::installation;
use crate::kernel::Result;
use crate::kernel::config::Config;
use crate::kernel::crypto::Keyring;
use crate::store::system::event_log;

const CHECK: &str = "database";
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The oldest version with everything that the schema uses.
const OLDEST: i32 = 140_000;
/// By how many seconds clocks may differ before somebody should know, and before expiries are wrong for people.
const CLOCK: (f64, f64) = (2.0, 30.0);
/// A transaction that has been running for so many seconds delays the event log.
const LONG: f64 = 60.0;

pub(super) async fn examine(config: &Config, arguments: &Doctor, findings: &mut Findings) {
    if config.database_url.is_none() && !has_cluster(config, findings) {
        return;
    }
    let opened = match database::open_beside(config).await {
        Ok(opened) => opened,
        Err(error) => {
            findings.failed(CHECK, error.to_string(), "see that PostgreSQL runs, is reachable, and knows the role");
            return;
        }
    };
    let options = PgConnectOptions::clone(&opened.database.pool().connect_options());
    match tokio::time::timeout(PATIENCE, ask(&options)).await {
        Ok(Ok(found)) => {
            server(config, &found, findings);
            clock(&opened.database, &found, findings);
            if !found.read_only {
                schema(config, arguments, &opened.database, findings).await;
            }
        }
        Ok(Err(error)) => findings.failed(CHECK, cause(&error), "see PostgreSQL's log"),
        Err(_) => findings.failed(CHECK, "no answer within 10 s", "see whether PostgreSQL is overloaded or cut off"),
    }
    if let Err(error) = opened.close().await {
        findings.warning(CHECK, error.to_string(), "see PostgreSQL's log");
    }
}

/// Whether there is a private cluster to look at.
fn has_cluster(config: &Config, findings: &mut Findings) -> bool {
    let prospect = std::path::absolute(&config.data_dir)
        .map_err(|error| error.to_string())
        .and_then(|data_dir| embedded::prospect(&data_dir).map_err(|error| error.to_string()));
    match prospect {
        Ok(prospect) if prospect.exists => return true,
        Ok(prospect) => {
            let programs = prospect.programs.display();
            findings.ok(CHECK, format!("a private cluster is made at the first start, by PostgreSQL in {programs}"));
        }
        Err(error) => findings.failed(CHECK, error, "do as it says, or set DATABASE_URL"),
    }
    false
}

fn server(config: &Config, found: &Examination, findings: &mut Findings) {
    let version = format!("PostgreSQL {}.{}", found.version / 10_000, found.version % 10_000);
    if found.version < OLDEST {
        findings.failed(CHECK, format!("{version} is too old"), "upgrade to PostgreSQL 14 or newer");
    } else if found.read_only {
        findings.failed(
            CHECK,
            format!("{version} only reads: it is a standby, or set so"),
            "point DATABASE_URL at the primary, or unset default_transaction_read_only",
        );
    } else if !found.may_create {
        findings.failed(
            CHECK,
            format!("{version} lets our role make no tables"),
            "give the role the database: alter database NAME owner to ROLE",
        );
    } else if found.encoding != "UTF8" {
        findings.failed(
            CHECK,
            format!("the database is encoded in {}", found.encoding),
            "make one with encoding 'UTF8' and template template0",
        );
    } else {
        findings.ok(CHECK, version);
    }
    let free = i64::from(found.connections) - found.connections_used;
    let wanted = i64::from(config.database_connections) + 1;
    if free < wanted && i64::from(found.connections) < wanted + found.connections_used {
        findings.warning(
            "connections",
            format!(
                "PostgreSQL allows {}, and {} are in use; a server wants {wanted}",
                found.connections, found.connections_used
            ),
            "raise max_connections, or lower VESTIBULE_DATABASE_CONNECTIONS",
        );
    } else {
        findings.ok("connections", format!("{} of {} are in use", found.connections_used, found.connections));
    }
    if found.oldest_transaction_seconds > LONG {
        let seconds = found.oldest_transaction_seconds;
        findings.warning(
            "transactions",
            format!("one has been writing for {seconds:.0} s; events wait for it"),
            "find it in pg_stat_activity and end it",
        );
    }
}

fn clock(database: &Database, found: &Examination, findings: &mut Findings) {
    let apart = database.clock.now().seconds_since(found.now);
    let message = format!("{:.1} s apart from PostgreSQL's", apart.abs());
    let advice = "let both machines keep time by NTP: what expires does so by this machine's clock";
    match apart.abs() {
        apart if apart > CLOCK.1 => findings.failed("clock", message, advice),
        apart if apart > CLOCK.0 => findings.warning("clock", message, advice),
        _ => findings.ok("clock", message),
    }
}

/// What only a database of ours can tell.
async fn schema(config: &Config, arguments: &Doctor, database: &Database, findings: &mut Findings) {
    let migrated = match migrations(database, findings).await {
        Ok(migrated) => migrated,
        Err(error) => {
            findings.failed("migrations", cause(&error), "see that the role owns the database");
            return;
        }
    };
    if !migrated {
        return;
    }
    if let Err(error) = sealed(config, database, findings).await {
        findings.failed("master key", cause(&error), "see that the role owns the database");
    }
    if let Err(error) = events(database, findings).await {
        findings.failed("event log", cause(&error), "see that the role owns the database");
    }
    if arguments.authorization
        && let Err(error) = authorization::examine(database, arguments.repair, findings).await
    {
        findings.failed("authorization", cause(&error), "run it again; see PostgreSQL's log if that does not help");
    }
}

/// Whether there is a schema at all.
async fn migrations(database: &Database, findings: &mut Findings) -> Result<bool> {
    let (pending, unknown) = (migrate::pending(database).await?, migrate::unknown(database).await?);
    let all = migrate::count();
    match (pending, unknown) {
        (0, 0) => findings.ok("migrations", format!("all {all} are applied")),
        (_, 0) if pending == all => findings.ok("migrations", "none yet: they are applied at the first start"),
        (_, 0) => findings.warning(
            "migrations",
            format!("{pending} of {all} are missing"),
            "they are applied at the next start, or now by `vestibule migrate`; make a backup first",
        ),
        (_, _) => findings.warning(
            "migrations",
            format!("a newer version has made {unknown} that this one does not know"),
            "that works for one version back; run the newer one again soon",
        ),
    }
    Ok(pending < all)
}

async fn sealed(config: &Config, database: &Database, findings: &mut Findings) -> Result<()> {
    // A key that cannot be read was told of already.
    let key = existing_key(config).ok().flatten();
    let keyring = key.map(|key| Keyring::new(key, Vec::new(), database.random.clone()));
    let advice = "set VESTIBULE_SECRET_KEY to the key that belongs to this database, from your copy of it";
    match keyring {
        None => {
            let used = installation::has_key(&mut database.system().await?).await?;
            if used {
                findings.failed("sealed", "the database is sealed under a key that is not here", advice);
            }
        }
        Some(keyring) => match installation::check_master_key(&mut database.system().await?, &keyring).await {
            Ok(true) => findings.ok("sealed", "the master key opens what is sealed in the database"),
            Ok(false) => findings.ok("sealed", "nothing is sealed yet"),
            Err(error) => findings.failed("sealed", cause(&error), advice),
        },
    }
    Ok(())
}

async fn events(database: &Database, findings: &mut Findings) -> Result<()> {
    let head = event_log::find_head(&mut database.system().await?).await?;
    let hidden = head.hidden.map_or(0.0, |then| database.clock.now().seconds_since(then));
    if hidden > LONG {
        findings.warning(
            "event log",
            format!("an event of {hidden:.0} s ago is not shown yet: a transaction from before it still runs"),
            "find it in pg_stat_activity and end it",
        );
    } else {
        findings.ok("event log", format!("epoch {}", head.epoch));
    }
    Ok(())
}

/// The error with what caused it: here, the operator is the one who reads.
fn cause(error: &crate::kernel::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}
