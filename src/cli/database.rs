//! The database that a command works on, opened as the settings say: another one, or our own private cluster.

use std::error::Error;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::db::embedded::{Cluster, Settings, StartError};
use crate::db::{Database, migrate};
use crate::kernel::clock::Clock;
use crate::kernel::config::Config;
use crate::kernel::crypto::Random;

/// A database, and the cluster that it needs to stay.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub database: Database,
    cluster: Option<Cluster>,
}

/// Opens the database of the settings, starting the private cluster if it is that one.
///
/// # Errors
///
/// When the cluster does not start, or `DATABASE_URL` cannot be used.
pub async fn open(config: &Config) -> Result<Opened, Box<dyn Error + Send + Sync>> {
    let (options, cluster) = match &config.database_url {
        Some(url) => (reach(external(url.expose())?).await?, None),
        None => {
            let cluster = start_cluster(config).await?;
            (cluster.options(), Some(cluster))
        }
    };
    let database = Database::open(options, config.database_connections, Clock::default(), Random::new());
    Ok(Opened { database, cluster })
}

/// Opens the database of the settings for a command that may run beside a server. A private cluster that a server
/// holds is used through that server's socket; the server goes on, and so does the cluster when the command ends.
///
/// # Errors
///
/// As [`open`].
pub async fn open_beside(config: &Config) -> Result<Opened, Box<dyn Error + Send + Sync>> {
    let held = match open(config).await {
        Err(error) if matches!(error.downcast_ref(), Some(StartError::Locked { .. })) => error,
        opened => return opened,
    };
    let data_dir = std::path::absolute(&config.data_dir)?;
    let options = tokio::task::spawn_blocking(move || Cluster::beside(&data_dir)).await??;
    let database = Database::open(options, BESIDE, Clock::default(), Random::new());
    // Whoever holds it may only be starting, or stopping: then the refusal says more than a socket that is not there.
    match database.system().await {
        Ok(_) => Ok(Opened { database, cluster: None }),
        Err(_) => Err(held),
    }
}

/// Connections of a command that runs beside a server: the others are the server's.
const BESIDE: u32 = 2;

/// Brings the schema up to date where it is not, as it is wherever a server of this version runs.
///
/// # Errors
///
/// When the database cannot be reached or a migration fails.
pub async fn prepare(database: &Database) -> Result<(), Box<dyn Error + Send + Sync>> {
    if migrate::pending(database).await? > 0 {
        migrate::run(database).await?;
    }
    Ok(())
}

impl Opened {
    /// Closes the connections and stops the cluster, if it is ours.
    ///
    /// # Errors
    ///
    /// When the cluster did not stop in order.
    pub async fn close(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.database.close().await;
        match self.cluster {
            Some(cluster) => Ok(tokio::task::spawn_blocking(|| cluster.stop()).await??),
            None => Ok(()),
        }
    }
}

async fn start_cluster(config: &Config) -> Result<Cluster, Box<dyn Error + Send + Sync>> {
    let keeper = std::env::current_exe()?;
    let data_dir = std::path::absolute(&config.data_dir)?;
    let settings = Settings { data_dir, keeper, durable: true };
    Ok(tokio::task::spawn_blocking(move || Cluster::start(&settings)).await??)
}

/// Connects once, so that a start on a database that is not there, or lets nobody in, says so at once and why.
async fn reach(options: PgConnectOptions) -> Result<PgConnectOptions, String> {
    let place = || match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let failed = |reason: &dyn std::fmt::Display| {
        format!("cannot connect to PostgreSQL at {} (DATABASE_URL): {reason}", place())
    };
    match tokio::time::timeout(REACH_TIME, options.connect()).await {
        Ok(Ok(connection)) => drop(connection.close().await),
        Ok(Err(error)) => return Err(failed(&error)),
        Err(_) => return Err(failed(&format!("no answer within {} s", REACH_TIME.as_secs()))),
    }
    Ok(options)
}

/// How long a database may take to take a connection at the start.
const REACH_TIME: Duration = Duration::from_secs(10);

fn external(url: &str) -> Result<PgConnectOptions, Box<dyn Error + Send + Sync>> {
    let options = PgConnectOptions::from_str(url).map_err(|_| "DATABASE_URL cannot be read as a PostgreSQL URL")?;
    if url::Url::parse(url).is_ok_and(|url| !url.username().is_empty()) {
        return Ok(options);
    }
    // Like libpq: without a user in the URL, the one that runs the server.
    match nix::unistd::User::from_uid(nix::unistd::geteuid())? {
        Some(user) => Ok(options.username(&user.name)),
        None => Ok(options),
    }
}
