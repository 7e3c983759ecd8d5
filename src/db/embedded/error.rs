//! What can go wrong with the private cluster, worded for the operator who reads it at the terminal.
//!
//! Each message says what was found and what to do about it. No variant carries what is in the database.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No usable PostgreSQL is installed.
    #[error(
        "no PostgreSQL {oldest} or newer is installed{}: install it (for example `apt-get install postgresql` or \
         `dnf install postgresql-server`), put its `initdb` and `postgres` on PATH, or set DATABASE_URL to use a \
         database of your own",
        also(.older)
    )]
    NoBinaries {
        /// The oldest major version that will do.
        oldest: u32,
        /// Directories of installations that are too old.
        older: Vec<PathBuf>,
    },
    /// The cluster was made by another major version than those that are installed.
    #[error(
        "the cluster in {} was made by PostgreSQL {cluster}, and what is installed is {installed}: install \
         PostgreSQL {cluster} beside it (for example `apt-get install postgresql-{cluster}`), or move the cluster \
         to the new version with pg_upgrade",
        .pgdata.display()
    )]
    Version {
        /// The cluster.
        pgdata: PathBuf,
        /// The major version in its `PG_VERSION`.
        cluster: String,
        /// The installed major versions.
        installed: String,
    },
    /// Another server uses the data directory.
    #[error(
        "another server{} uses the cluster behind {}: stop it first, or give this one another data directory",
        .holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        .lock.display()
    )]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// The process id that the holder wrote, when it can be read.
        holder: Option<String>,
    },
    /// Root found nobody to run the cluster as.
    #[error(
        "PostgreSQL does not run as root, and there is no other user to run it as: create one (`useradd --system \
         postgres`), start the server as a user other than root, or set DATABASE_URL"
    )]
    NoAccount,
    /// A user id without a name; both `initdb` and peer authentication need one.
    #[error(
        "user id {uid} has no name, which PostgreSQL requires: add it to /etc/passwd, start the server as another \
         user, or set DATABASE_URL"
    )]
    Nameless {
        /// The id in question.
        uid: u32,
    },
    /// The cluster belongs to somebody else, or to root itself, who cannot run it.
    #[error(
        "{} belongs to the user {owner}, and the server runs as {user}: start it as the user that it was made by, \
         or give the folder to a user other than root with `chown -R` and start it as that one",
        .directory.display()
    )]
    Owner {
        /// The directory.
        directory: PathBuf,
        /// Who it belongs to.
        owner: String,
        /// Who the server runs as.
        user: String,
    },
    /// The user that runs the cluster cannot get to it.
    #[error(
        "the user {user}, who runs PostgreSQL, may not pass through {}: open it with `chmod o+x {}`, or choose a \
         data directory elsewhere (VESTIBULE_DATA_DIR)",
        .directory.display(), .directory.display()
    )]
    Unreachable {
        /// The directory that is closed.
        directory: PathBuf,
        /// The user who runs PostgreSQL.
        user: String,
    },
    /// Something that is not a cluster lies in its place.
    #[error(
        "{} holds files but no PostgreSQL cluster: move them away, or restore the cluster from a backup; nothing \
         was changed",
        .pgdata.display()
    )]
    NotACluster {
        /// Where the cluster should be.
        pgdata: PathBuf,
    },
    /// The place for a short socket path is taken.
    #[error(
        "{} is not a private directory of {user}: remove it, or choose a data directory with a shorter path, so \
         that the socket needs no other place",
        .directory.display()
    )]
    SocketDirectory {
        /// The directory.
        directory: PathBuf,
        /// Who it should belong to.
        user: String,
    },
    /// `initdb` failed.
    #[error("`initdb` could not make a cluster; set DATABASE_URL to do without. It said: {said}")]
    Initdb {
        /// What it wrote.
        said: String,
    },
    /// PostgreSQL ended before it was ready.
    #[error("PostgreSQL ended while it was starting ({status}); see {}. It said: {said}", .log.display())]
    Ended {
        /// How it ended.
        status: String,
        /// Where its log is.
        log: PathBuf,
        /// The last errors in the log.
        said: String,
    },
    /// PostgreSQL runs and does not answer.
    #[error("PostgreSQL runs but did not answer for {seconds} s; see {}, then start again", .log.display())]
    Silent {
        /// How long it was given.
        seconds: u64,
        /// Where its log is.
        log: PathBuf,
    },
    /// PostgreSQL answers and refuses.
    #[error("PostgreSQL refuses the server; see {} for the reason", .log.display())]
    Refused {
        /// Where its log is.
        log: PathBuf,
        /// What it answered.
        #[source]
        source: sqlx::Error,
    },
    /// Processes of an earlier run hold the cluster and do not end.
    #[error(
        "PostgreSQL processes of an earlier run still use {}: {pids}; stop them with `pg_ctl stop -D {}`, then \
         start again",
        .pgdata.display(), .pgdata.display()
    )]
    Orphans {
        /// The cluster.
        pgdata: PathBuf,
        /// The process ids.
        pids: String,
    },
    /// The operating system said no.
    #[error("cannot {action} {}: check its owner, its permissions and the free space", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The answer.
        #[source]
        source: io::Error,
    },
}

/// Why the private cluster did not stop in order.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// It had to be killed. The next start replays its log, which takes longer than usual.
    #[error("PostgreSQL did not stop within {seconds} s and was killed; it recovers at the next start")]
    Forced {
        /// How long it was given.
        seconds: u64,
    },
}

impl StartError {
    /// Words an error of the operating system: "cannot `action` `path`".
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn also(older: &[PathBuf]) -> String {
    if older.is_empty() {
        return String::new();
    }
    let places: Vec<_> = older.iter().map(|place| place.display().to_string()).collect();
    format!(" (too old: {})", places.join(", "))
}
