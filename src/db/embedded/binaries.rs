//! Finding an installed PostgreSQL.
//!
//! Nothing is downloaded: what runs the database comes from the operator's package manager, with its security
//! updates. Next: `creation`, which uses `initdb`, and `supervisor`, which runs `postgres`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::StartError;

/// The oldest major version with everything that the schema uses.
const OLDEST: u32 = 14;

/// Where packagers put it: the folder, then what names begin with there, then the way to the programs.
/// Debian and Ubuntu, the PGDG packages for Red Hat, SUSE, Alpine, Homebrew on both architectures, Postgres.app.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// One installation.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.directory.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }
}

/// Chooses the installation for a cluster of the major version `cluster`, or for a new one.
///
/// An existing cluster takes exactly its own version, as PostgreSQL's files demand. A new one takes what is on
/// PATH, since that is what the operator chose, or else the newest.
pub(super) fn find(cluster: Option<&str>, pgdata: &Path) -> Result<Binaries, StartError> {
    let mut others = Vec::new();
    let on_path = on_path();
    let count = on_path.len();
    for (index, directory) in on_path.into_iter().chain(in_known_places()).enumerate() {
        // Asking costs a process; a warm start asks only until its own version is found.
        let Some(found) = inspect(directory) else { continue };
        match cluster {
            Some(version) if found.major.to_string() == version => return Ok(found),
            None if index < count && found.major >= OLDEST => return Ok(found),
            Some(_) | None => others.push(found),
        }
    }
    let newest = others.iter().max_by_key(|found| found.major);
    match (cluster, newest) {
        (None, Some(newest)) if newest.major >= OLDEST => Ok(newest.clone()),
        (Some(version), Some(_)) => Err(StartError::Version {
            pgdata: pgdata.to_owned(),
            cluster: version.to_owned(),
            installed: versions(&others),
        }),
        (None, _) | (_, None) => Err(StartError::NoBinaries {
            oldest: OLDEST,
            older: others.into_iter().map(|found| found.directory).collect(),
        }),
    }
}

fn versions(found: &[Binaries]) -> String {
    let mut majors: Vec<u32> = found.iter().map(|found| found.major).collect();
    majors.sort_unstable();
    majors.dedup();
    majors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Relative entries of PATH are passed over: a server started by root must not run what lies in its folder.
fn on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .filter_map(|directory| {
            // A link on PATH leads to the folder where `initdb` finds its own siblings.
            fs::canonicalize(directory.join("postgres")).ok()?.parent().map(Path::to_owned)
        })
        .collect()
}

fn in_known_places() -> impl Iterator<Item = PathBuf> {
    PLACES.iter().flat_map(|&(folder, prefix, rest)| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter(move |entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()))
            .map(move |entry| entry.path().join(rest))
    })
}

/// Reads the major version from `postgres --version`: "postgres (PostgreSQL) 15.18 (Debian ...)".
fn inspect(directory: PathBuf) -> Option<Binaries> {
    let program = |name: &str| directory.join(name).is_file();
    if !program("initdb") || !program("postgres") {
        return None;
    }
    let mut question = Command::new(directory.join("postgres"));
    let answer = question.arg(OsStr::new("--version")).stdin(Stdio::null()).output().ok()?;
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let version = answer.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    Some(Binaries { major: version[..digits].parse().ok()?, directory })
}
