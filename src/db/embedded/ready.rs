//! Waiting until the private cluster answers, and making its database.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

use super::account::Account;
use super::keeper;
use super::layout::Layout;
use super::supervisor::{Ended, Supervisor};
use super::{ROLE, StartError};

/// How long PostgreSQL may run without a sign of life. Crash recovery has no limit: it gives signs.
const SILENCE: Duration = Duration::from_secs(60);
const REPORT: Duration = Duration::from_secs(10);

/// "the database system is starting up", also while it recovers or shuts down.
const CANNOT_CONNECT_NOW: &str = "57P03";
const UNKNOWN_DATABASE: &str = "3D000";

/// Waits until the database answers, making it if the cluster is new.
pub(super) fn wait(
    supervisor: &Supervisor,
    options: &PgConnectOptions,
    layout: &Layout,
    account: &Account,
) -> Result<(), StartError> {
    // A runtime for this moment: the server's own is not running yet, or must not be blocked.
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(StartError::io("make a runtime for", &layout.root))?
        .block_on(poll(supervisor, options, layout, account))
}

async fn poll(
    supervisor: &Supervisor,
    options: &PgConnectOptions,
    layout: &Layout,
    account: &Account,
) -> Result<(), StartError> {
    let started = Instant::now();
    let (mut sign_of_life, mut reported) = (started, started);
    loop {
        if let Some(ended) = supervisor.ended() {
            return Err(failure(ended, layout, account));
        }
        match attempt(options).await {
            Answer::Ready => {
                return supervisor.serving().map_or(Ok(()), |ended| Err(failure(ended, layout, account)));
            }
            Answer::Refused(source) => return Err(StartError::Refused { log: layout.log.clone(), source }),
            Answer::Starting => sign_of_life = Instant::now(),
            Answer::None => {}
        }
        if sign_of_life.elapsed() > SILENCE {
            return Err(StartError::Silent { seconds: SILENCE.as_secs(), log: layout.log.clone() });
        }
        if reported.elapsed() > REPORT {
            reported = Instant::now();
            tracing::info!("PostgreSQL is still starting, probably recovering after a crash");
        }
        tokio::time::sleep(interval(started.elapsed())).await;
    }
}

/// A warm start takes a few tens of milliseconds and is looked at often. A long recovery is not: PostgreSQL logs
/// every attempt.
fn interval(waited: Duration) -> Duration {
    Duration::from_millis(match waited.as_secs() {
        0 => 2,
        1..10 => 25,
        10.. => 500,
    })
}

enum Answer {
    Ready,
    Starting,
    None,
    Refused(sqlx::Error),
}

async fn attempt(options: &PgConnectOptions) -> Answer {
    let connected = match options.connect().await {
        Ok(connection) => Ok(connection),
        Err(error) if code(&error).as_deref() == Some(UNKNOWN_DATABASE) => match create_database(options).await {
            Ok(()) => options.connect().await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match connected {
        Ok(connection) => {
            // It has served its purpose; an error in saying goodbye changes nothing.
            let _ = connection.close().await;
            Answer::Ready
        }
        Err(error) if code(&error).as_deref() == Some(CANNOT_CONNECT_NOW) => Answer::Starting,
        // No socket yet, nobody behind it, or a postmaster that is just going: its end will be seen.
        Err(sqlx::Error::Io(_)) => Answer::None,
        Err(error) => Answer::Refused(error),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Encoding and locale are those that `creation` chose for the cluster.
async fn create_database(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.clone().database(ROLE).connect().await?;
    connection.execute("create database vestibule template template0").await?;
    connection.close().await
}

fn failure(ended: Ended, layout: &Layout, account: &Account) -> StartError {
    match ended {
        Ended::Exited(status) if status.code() == Some(i32::from(keeper::UNREACHABLE)) => {
            StartError::Unreachable { directory: account.obstacle(&layout.pgdata), user: account.name.clone() }
        }
        Ended::Exited(status) => {
            StartError::Ended { status: status.to_string(), log: layout.log.clone(), said: layout.last_words() }
        }
        Ended::NotRun(reason) => {
            StartError::Ended { status: reason, log: layout.log.clone(), said: layout.last_words() }
        }
    }
}
