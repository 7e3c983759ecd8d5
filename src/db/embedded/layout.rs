//! The directories of the private cluster, and the lock on them.
//!
//! Paths and permissions only; what the files say is in `config`. Next: `creation`.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;

use super::StartError;
use super::account::Account;
use super::config;

/// The kernel's limit for a socket's path is 107 bytes on Linux and 103 elsewhere; PostgreSQL's lock file beside
/// it has five more.
const LONGEST_SOCKET_PATH: usize = 90;
/// Every attempt has a draft of its own: an `initdb` that outlived its server must not write into the next one.
const DRAFT: &str = "pgdata.new";
/// A day's log is written over a week later; a server that is off at that hour leaves it to the next start.
const LOG_KEPT: Duration = Duration::from_hours(6 * 24);

/// Where everything is; see the module's parent for what it is.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    pub(super) pgdata: PathBuf,
    pub(super) draft: PathBuf,
    pub(super) etc: PathBuf,
    pub(super) log: PathBuf,
    pub(super) startup_log: PathBuf,
    run: PathBuf,
    lock: PathBuf,
}

impl Layout {
    /// The layout under `data_dir`, which is made if it is missing.
    pub(super) fn at(data_dir: &Path) -> Result<Self, StartError> {
        if !data_dir.exists() {
            fs::create_dir_all(data_dir).map_err(StartError::io("make", data_dir))?;
            if geteuid().is_root() {
                // Whatever root's umask: the cluster's user passes through here, and sees nothing.
                set_mode(data_dir, 0o711)?;
            }
        }
        // Absolute, because PostgreSQL works in another directory.
        Ok(Self::of(&fs::canonicalize(data_dir).map_err(StartError::io("find", data_dir))?))
    }

    /// The layout under `data_dir`, an absolute path, whether there is anything or not.
    pub(super) fn of(data_dir: &Path) -> Self {
        let root = data_dir.join("postgres");
        Self {
            pgdata: root.join("pgdata"),
            draft: root.join(format!("{DRAFT}.{}", std::process::id())),
            etc: root.join("etc"),
            log: root.join("log"),
            startup_log: root.join("startup.log"),
            run: root.join("run"),
            lock: root.join("lock"),
            root,
        }
    }

    /// The major version of the cluster, or `None` where there is none yet.
    pub(super) fn version(&self) -> Result<Option<String>, StartError> {
        let file = self.pgdata.join("PG_VERSION");
        match fs::read_to_string(&file) {
            Ok(version) => Ok(Some(version.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let occupied = fs::read_dir(&self.pgdata).is_ok_and(|mut entries| entries.next().is_some());
                if occupied { Err(StartError::NotACluster { pgdata: self.pgdata.clone() }) } else { Ok(None) }
            }
            Err(error) => Err(StartError::io("read", &file)(error)),
        }
    }

    /// Makes what stays with the server's user. Modes are set, not left to the umask.
    pub(super) fn make_server_directories(&self) -> Result<(), StartError> {
        let (pass, read) = if geteuid().is_root() { (0o711, 0o755) } else { (0o700, 0o700) };
        for (directory, mode) in [(&self.root, pass), (&self.etc, read)] {
            make(directory)?;
            set_mode(directory, mode)?;
        }
        Ok(())
    }

    /// Makes what belongs to the cluster's user, and drops logs of the week before.
    pub(super) fn make_cluster_directories(&self, account: &Account) -> Result<(), StartError> {
        for directory in [&self.run, &self.log] {
            make_for(directory, account)?;
        }
        drop_old_logs(&self.log).map_err(StartError::io("clear", &self.log))
    }

    /// Takes the exclusive right to the directory; it ends when the file is closed, so also with the process.
    ///
    /// The kernel drops it at a `kill -9`, which no pid file can do.
    pub(super) fn lock(&self) -> Result<File, StartError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.lock)
            .map_err(StartError::io("open", &self.lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let holder = file.read_to_string(&mut holder).ok().map(|_| holder.trim().to_owned());
                return Err(StartError::Locked {
                    lock: self.lock.clone(),
                    holder: holder.filter(|pid| !pid.is_empty()),
                });
            }
            Err(fs::TryLockError::Error(error)) => return Err(StartError::io("lock", &self.lock)(error)),
        }
        // For the message to the next one, nothing else reads it.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(StartError::io("write", &self.lock))?;
        Ok(file)
    }

    /// The directory for the socket: `run`, or a short one elsewhere when a socket's address has no room for it.
    ///
    /// The short one is named after the identity of the layout's own directory, so it is found again after a
    /// crash and no two clusters of a machine share it.
    pub(super) fn socket_directory(&self, account: &Account) -> Result<PathBuf, StartError> {
        let socket = self.run.join(config::socket_name());
        // PostgreSQL takes a comma-separated list of directories, with rules for quotes and spaces.
        let listable = |byte: &u8| !matches!(byte, b',' | b'"') && !byte.is_ascii_whitespace();
        let bytes = socket.as_os_str().as_bytes();
        if bytes.len() <= LONGEST_SOCKET_PATH && bytes.iter().all(listable) {
            return Ok(self.run.clone());
        }
        let identity = fs::metadata(&self.root).map_err(StartError::io("look at", &self.root))?;
        let base = if geteuid().is_root() && Path::new("/run").is_dir() { "/run" } else { "/tmp" };
        let directory = Path::new(base).join(format!("vestibule-{:x}-{:x}", identity.dev(), identity.ino()));
        make_private(&directory, account)?;
        Ok(directory)
    }

    /// The drafts of attempts that came to nothing.
    pub(super) fn old_drafts(&self) -> Result<Vec<PathBuf>, StartError> {
        let entries = fs::read_dir(&self.root).map_err(StartError::io("read", &self.root))?;
        let is_draft = |path: &PathBuf| path.file_stem() == Some(OsStr::new(DRAFT));
        Ok(entries.flatten().map(|entry| entry.path()).filter(is_draft).collect())
    }

    /// Removes a short socket directory when PostgreSQL has stopped. Where that fails, it is found again.
    pub(super) fn leave(&self, socket_directory: &Path) {
        if socket_directory != self.run {
            let _ = fs::remove_dir(socket_directory);
        }
    }

    /// The last errors that PostgreSQL wrote before its log was open, or in the log; else its last lines.
    ///
    /// In this order, since the log goes back a week.
    pub(super) fn last_words(&self) -> String {
        let modified = |path: &PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
        let files = fs::read_dir(&self.log).into_iter().flatten().flatten().map(|entry| entry.path());
        let newest = files.max_by_key(modified).map(|path| read_tail(&path)).unwrap_or_default();
        let startup = read_tail(&self.startup_log);
        let is_error = |line: &&str| ["FATAL:", "PANIC:", super::KEEPER].iter().any(|word| line.contains(word));
        let errors = |text| str::lines(text).filter(is_error).collect::<Vec<_>>();
        let words = [errors(&startup), errors(&newest), startup.lines().collect()];
        let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
        words[words.len().saturating_sub(3)..].join(" / ")
    }
}

/// Makes the directory for a cluster in the making, empty and of the cluster's user.
pub(super) fn renew(directory: &Path, account: &Account) -> Result<(), StartError> {
    remove(directory)?;
    make_for(directory, account)
}

/// Removes a directory with all that is in it.
pub(super) fn remove(directory: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StartError::io("remove", directory)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make(directory: &Path) -> Result<(), StartError> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(StartError::io("make", directory)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make_for(directory: &Path, account: &Account) -> Result<(), StartError> {
    make(directory)?;
    if account.is_other() {
        give_away(directory, account)?;
    }
    set_mode(directory, 0o700)
}

/// Does not follow a link.
fn give_away(directory: &Path, account: &Account) -> Result<(), StartError> {
    lchown(directory, Some(account.uid.as_raw()), Some(account.gid.as_raw()))
        .map_err(StartError::io("give away", directory))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), StartError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(StartError::io("set the mode of", path))
}

/// Makes a private directory where anybody may make one, so what is already there is not trusted: it must be a
/// directory, not a link, of the cluster's user or of ours, and closed to others.
fn make_private(directory: &Path, account: &Account) -> Result<(), StartError> {
    make(directory)?;
    let found = fs::symlink_metadata(directory).map_err(StartError::io("look at", directory))?;
    let mine = found.uid() == geteuid().as_raw();
    let theirs = found.uid() == account.uid.as_raw();
    if !found.is_dir() || !(mine || theirs) || found.permissions().mode() & 0o077 != 0 {
        return Err(StartError::SocketDirectory { directory: directory.to_owned(), user: account.name.clone() });
    }
    // What is theirs already is not touched again: they could put a link in its place at this moment.
    if theirs { Ok(()) } else { give_away(directory, account) }
}

fn drop_old_logs(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
        if entry.path().extension() == Some(OsStr::new("log")) && age.is_ok_and(|age| age > LOG_KEPT) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The end of a text file; empty when it cannot be read, since this only adds to another message.
fn read_tail(path: &Path) -> String {
    const TAIL: u64 = 4096;
    let mut text = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(io::SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut text)
    });
    read.map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}
