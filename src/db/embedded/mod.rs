//! The private PostgreSQL cluster, for a start without `DATABASE_URL`.
//!
//! The server runs an installed PostgreSQL under its own data directory, reachable through one unix socket and
//! by one operating-system user, so that there is no password and no port to guard. It must not be asked for
//! anything but connections: what is in the database is the business of the rest of `db`.
//!
//! ```text
//! <data_dir>/postgres/      the server's user; others may pass through when that is root
//!     lock                  held for as long as a server uses this directory
//!     etc/                  configuration, written at each start; `local.conf` is the operator's
//!     startup.log           what PostgreSQL says before its own log is open
//!     pgdata/               the cluster: the cluster's user alone, mode 0700
//!     pgdata.new.<pid>/     a cluster in the making, renamed to `pgdata` when it is whole
//!     log/                  one file for each day of the week
//!     run/                  the socket
//! ```
//!
//! Root cannot run PostgreSQL, so a server started by root gives the cluster to another user. Nothing that root
//! writes lies in a directory of that user: who takes over PostgreSQL cannot aim root's writes with a symlink.
//! (A folder that an ordinary user made stays that user's when root uses it later; then root trusts that user.)
//!
//! What ends when something dies:
//!
//! * PostgreSQL: `supervisor` starts it again, after a pause that grows while that fails.
//! * the server, however: PostgreSQL gets SIGINT from the kernel (`keeper`) and shuts down in order.
//! * both: the next start clears away what they left (`debris`) and PostgreSQL replays its log.
//!
//! Only Linux has the signal on a parent's death and `/proc`. On another unix a killed server leaves PostgreSQL
//! running, and the next start says so with the command that stops it.
//!
//! Where to look next: [`Cluster::start`] is the whole story in order.

mod account;
mod binaries;
mod config;
mod creation;
mod debris;
mod error;
mod keeper;
mod layout;
mod ready;
mod supervisor;

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use self::account::Account;
use self::layout::Layout;
use self::supervisor::Supervisor;

pub use self::error::{StartError, StopError};
pub use self::keeper::{KEEPER, keeper_main};

/// The only role, and superuser, of the cluster.
const ROLE: &str = "postgres";
/// The database that the server lives in.
const DATABASE: &str = "vestibule";

/// Where a cluster lives and how it is to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's data directory. The cluster takes the folder `postgres` in it.
    pub data_dir: PathBuf,
    /// A program whose subcommand [`KEEPER`] is [`keeper_main`]: the `vestibule` binary, which for the server
    /// itself is its `current_exe`.
    pub keeper: PathBuf,
    /// Whether a commit survives a power cut. `false` is for test runs: data may be lost, and starts are faster.
    pub durable: bool,
}

/// What a start on a data directory would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// Whether there is a cluster already.
    pub exists: bool,
    /// The folder of the PostgreSQL programs that would run it.
    pub programs: PathBuf,
}

/// Looks at what a start would find, and changes nothing.
///
/// # Errors
///
/// The [`StartError`] that a start would end with, as far as it can be told beforehand.
pub fn prospect(data_dir: &Path) -> Result<Prospect, StartError> {
    // What is not there has no other name either.
    let layout = Layout::of(&data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned()));
    Account::refuse_strangers(&layout)?;
    let version = layout.version()?;
    let programs = binaries::find(version.as_deref(), &layout.pgdata)?.directory().to_owned();
    Ok(Prospect { exists: version.is_some(), programs })
}

/// A running private cluster, and the exclusive right to its directory.
///
/// Dropping it stops PostgreSQL as [`Cluster::stop`] does, without saying how that went.
#[derive(Debug)]
pub struct Cluster {
    supervisor: Supervisor,
    options: PgConnectOptions,
    layout: Layout,
    socket_directory: PathBuf,
    // Closed last: a second server must not come in while PostgreSQL still runs.
    _lock: File,
}

impl Cluster {
    /// Brings the cluster up, making it first if there is none, and returns when its database answers.
    ///
    /// It blocks, for as long as crash recovery takes, so it belongs before the async runtime or into
    /// `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// Every [`StartError`] is worded for the operator and says what to do.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let layout = Layout::at(&settings.data_dir)?;
        Account::refuse_strangers(&layout)?;
        layout.make_server_directories()?;
        let lock = layout.lock()?;

        let version = layout.version()?;
        let binaries = binaries::find(version.as_deref(), &layout.pgdata)?;
        let account = Account::choose(&layout, version.is_some())?;
        layout.make_cluster_directories(&account)?;
        let socket_directory = layout.socket_directory(&account)?;
        let launcher = keeper::Launcher { keeper: settings.keeper.clone(), account: account.clone() };
        if version.is_none() {
            creation::create(&layout, &binaries, &launcher, settings.durable)?;
        }
        debris::clear(&layout.pgdata)?;
        debris::remove_stale_files(&layout.pgdata, &socket_directory)?;
        config::write(&layout, &account, settings.durable)?;

        let options = options(&socket_directory);
        let supervisor = Supervisor::start(supervisor::Plan {
            arguments: config::arguments(&layout, &socket_directory, settings.durable),
            program: binaries.postgres(),
            launcher,
            socket_directory: socket_directory.clone(),
            layout: layout.clone(),
        })?;
        ready::wait(&supervisor, &options, &layout, &account)?;
        tracing::info!(pgdata = %layout.pgdata.display(), account = account.name, "private PostgreSQL is ready");
        Ok(Self { supervisor, options, layout, socket_directory, _lock: lock })
    }

    /// How to connect to the cluster of a server that runs on this data directory: for commands beside it, which
    /// cannot start the cluster because it is held. Call it after [`Cluster::start`] was refused as
    /// [`StartError::Locked`]; without a server, nobody listens.
    ///
    /// # Errors
    ///
    /// When the directory cannot be looked at, or belongs to somebody else.
    pub fn beside(data_dir: &Path) -> Result<PgConnectOptions, StartError> {
        let layout = Layout::at(data_dir)?;
        Account::refuse_strangers(&layout)?;
        let account = Account::choose(&layout, layout.version()?.is_some())?;
        Ok(options(&layout.socket_directory(&account)?))
    }

    /// How to connect: the socket, the role and the database. They stay the same when PostgreSQL is restarted.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Stops PostgreSQL: connections are ended, what is committed is checkpointed.
    ///
    /// It blocks, usually for some 20 ms and never beyond half a minute.
    ///
    /// # Errors
    ///
    /// When PostgreSQL did not stop in order and was made to. No committed row is lost by that.
    pub fn stop(mut self) -> Result<(), StopError> {
        self.supervisor.stop()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.supervisor.stop() {
            tracing::warn!("{error}");
        }
        self.layout.leave(&self.socket_directory);
    }
}

/// Options that hold whatever `PG*` variables the environment has for other clusters.
fn options(socket_directory: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_directory)
        .port(config::PORT)
        .username(ROLE)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
        .application_name("vestibule")
}
