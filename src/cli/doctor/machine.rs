//! What can be told on this machine alone: settings, files, and the address to listen on.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access, geteuid};
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::findings::Findings;
use crate::cli::boot::{KEY_FILE, existing_key};
use crate::cli::healthcheck::reachable;
use crate::kernel::config::Config;

/// Below this much space PostgreSQL soon cannot write.
const SPACE_NEEDED: u64 = 128 << 20;
/// Below this much somebody should know.
const SPACE_WANTED: u64 = 2 << 30;
/// How long a server at the address of ours may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Files that a server opens besides connections.
const OTHER_FILES: u64 = 64;

pub(super) fn settings(config: &Config, findings: &mut Findings) {
    if config.dev {
        findings.warning(
            "settings",
            "VESTIBULE_DEV is on: whoever has the operator's token may move the clock",
            "unset it for a server with real users",
        );
    } else {
        findings.ok("settings", "all can be read; `vestibule config` shows them");
    }
}

/// The origin stands in tokens and links, so it has to be the one that clients use.
pub(super) fn public_url(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "public URL";
    match &config.public_url {
        None if config.listen.ip().is_loopback() => {
            findings.ok(CHECK, format!("{}, for clients on this machine", config.origin(config.listen)));
        }
        None => findings.warning(
            CHECK,
            format!(
                "not set, so tokens and links name {}, whatever clients call the server",
                config.origin(config.listen)
            ),
            "set VESTIBULE_PUBLIC_URL to the origin that clients use",
        ),
        Some(url) if !url.is_https() && !url.is_local() => findings.warning(
            CHECK,
            format!("{url} is plain http: keys, passwords and tokens travel readable"),
            "put a proxy with TLS in front and set VESTIBULE_PUBLIC_URL to its https origin",
        ),
        Some(url) => findings.ok(CHECK, url.to_string()),
    }
}

pub(super) fn data_dir(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "data directory";
    let shown = config.data_dir.display();
    let metadata = match std::fs::metadata(&config.data_dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            findings.ok(CHECK, format!("{shown} is made at the first start"));
            return;
        }
        Err(error) => {
            findings.failed(
                CHECK,
                format!("{shown}: {error}"),
                "set VESTIBULE_DATA_DIR to a folder of the server's user",
            );
            return;
        }
    };
    let mode = metadata.permissions().mode() & 0o7777;
    let writable = access(&config.data_dir, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    if !metadata.is_dir() || !writable {
        findings.failed(
            CHECK,
            format!("{shown} is no folder that the user {} may write to", geteuid()),
            "give it to the server's user, or set VESTIBULE_DATA_DIR to another one",
        );
    } else if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        findings.failed(
            CHECK,
            format!("others may replace what is in {shown} (mode {mode:o})"),
            format!("chmod go-w {shown}"),
        );
    } else {
        findings.ok(CHECK, format!("{shown} (mode {mode:o})"));
    }
    space(&config.data_dir, findings);
}

fn space(path: &Path, findings: &mut Findings) {
    const CHECK: &str = "disk";
    let Ok(found) = statvfs(path) else { return };
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let (free_mib, shown) = (free >> 20, path.display());
    let message = format!("{free_mib} MiB are free at {shown}");
    if free < SPACE_NEEDED {
        findings.failed(CHECK, message, "make room, or move the data directory to a larger disk");
    } else if free < SPACE_WANTED {
        findings.warning(CHECK, message, "make room before the database fills it");
    } else {
        findings.ok(CHECK, message);
    }
}

pub(super) fn master_key(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "master key";
    if config.secret_key.is_some() {
        findings.ok(CHECK, "VESTIBULE_SECRET_KEY is set");
        return;
    }
    let path = config.data_dir.join(KEY_FILE);
    let shown = path.display();
    match (existing_key(config), std::fs::metadata(&path)) {
        (Err(error), _) => {
            findings.failed(CHECK, error.to_string(), format!("restore {shown} from your copy of the key"));
        }
        (Ok(Some(_)), Ok(file)) if file.mode() & 0o077 != 0 => findings.failed(
            CHECK,
            format!("others may read {shown} (mode {:o})", file.mode() & 0o777),
            format!("chmod 600 {shown}; if others used this machine, take the key for known to them"),
        ),
        (Ok(Some(_)), _) if config.database_url.is_some() => findings.warning(
            CHECK,
            format!("{shown}, on this machine alone"),
            "set VESTIBULE_SECRET_KEY: every server on this database needs the same key, and a lost machine must not take \
             it along",
        ),
        (Ok(Some(_)), _) => findings.ok(CHECK, format!("{shown}; keep a copy apart from the database's")),
        (Ok(None), _) => findings.ok(CHECK, format!("made at the first start, in {shown}")),
    }
}

pub(super) fn descriptors(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "open files";
    let needed = config.connection_limit as u64 + u64::from(config.database_connections) + OTHER_FILES;
    match getrlimit(Resource::Nofile).maximum {
        Some(allowed) if allowed < needed => findings.warning(
            CHECK,
            format!("{allowed} are allowed, and {needed} may be needed"),
            "raise the hard limit (`ulimit -Hn`, LimitNOFILE of systemd), or lower VESTIBULE_CONNECTION_LIMIT",
        ),
        Some(allowed) => findings.ok(CHECK, format!("{allowed} are allowed")),
        None => findings.ok(CHECK, "any number is allowed"),
    }
}

/// Either a server of ours answers at the address, or nobody does and we may.
pub(super) async fn listen(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "address";
    let address = config.listen;
    match TcpListener::bind(address).await {
        Ok(_) => findings.ok(CHECK, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match tokio::time::timeout(PATIENCE, ask(config)).await {
            Ok(Ok(true)) => findings.ok(CHECK, format!("a server answers at {address} and is ready")),
            Ok(Ok(false)) => findings.warning(
                CHECK,
                format!("a server answers at {address}, but is not ready"),
                "see the other checks, and its log",
            ),
            Ok(Err(_)) | Err(_) => findings.failed(
                CHECK,
                format!("another program listens at {address}"),
                "stop it, or set VESTIBULE_LISTEN to another address",
            ),
        },
        Err(error) => findings.failed(
            CHECK,
            format!("cannot listen at {address}: {error}"),
            "set VESTIBULE_LISTEN to an address of this machine, with a port that the server's user may take",
        ),
    }
}

/// Whether the server at our address is ready. Something else is an error.
async fn ask(config: &Config) -> std::io::Result<bool> {
    let address = reachable(config.listen);
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    if !answer.contains("\r\nx-request-id: ") {
        return Err(ErrorKind::InvalidData.into());
    }
    Ok(answer.starts_with("http/1.1 200"))
}
