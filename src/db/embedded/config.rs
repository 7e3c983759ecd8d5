//! How the private cluster is configured.
//!
//! Three layers: what the server depends on goes on PostgreSQL's command line, where nothing overrides it;
//! defaults go into `etc/postgresql.conf`, which is written anew at each start so that an upgrade brings its own;
//! `etc/local.conf` is the operator's, read after the defaults.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::account::Account;
use super::layout::Layout;
use super::{ROLE, StartError};

/// It only names the socket: PostgreSQL does not listen on the network.
pub(super) const PORT: u16 = 5432;

/// The name of the map from operating-system users to roles.
const MAP: &str = "vestibule";

/// For a small machine that PostgreSQL shares with the server.
///
/// The log leaves out failed statements, their values and their details: they hold what people entered, and a
/// violated constraint is everyday business that the server answers for itself.
const DEFAULTS: &str = "\
# Written by the server at each start. Settings of your own belong in local.conf beside this file.
cluster_name = 'vestibule'
max_connections = 100
shared_buffers = '128MB'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
logging_collector = on
log_filename = 'postgresql-%a.log'
log_rotation_age = '1d'
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] '
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_autovacuum_min_duration = -1
";

/// For test runs, where no row has to outlive the process.
const FLEETING: &str = "\
autovacuum = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
";

const OPERATOR: &str = "include_if_exists = 'local.conf'\n";

/// The socket's file name is PostgreSQL's, not ours to choose.
pub(super) fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// Writes the configuration files.
///
/// Nobody needs a password: whoever connects is told by the kernel, and the map knows two names at most, the
/// server's user and the cluster's. Both may act as the only role; every other user is refused, root included
/// unless it is the server's user.
pub(super) fn write(layout: &Layout, account: &Account, durable: bool) -> Result<(), StartError> {
    let fleeting = if durable { "" } else { FLEETING };
    let mut users = vec![&account.name];
    if account.server != account.name {
        users.push(&account.server);
    }
    let map: String = users.iter().map(|user| format!("{MAP} \"{user}\" {ROLE}\n")).collect();
    for (name, text) in [
        ("postgresql.conf", format!("{DEFAULTS}{fleeting}{OPERATOR}")),
        ("pg_hba.conf", format!("local all all peer map={MAP}\n")),
        ("pg_ident.conf", map),
    ] {
        let path = layout.etc.join(name);
        fs::write(&path, text).map_err(StartError::io("write", &path))?;
        // The cluster's user reads it, whatever root's umask.
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&path, mode).map_err(StartError::io("set the mode of", &path))?;
    }
    Ok(())
}

/// PostgreSQL's command line. All paths are here and not in the file, where they would need quoting.
pub(super) fn arguments(layout: &Layout, socket_directory: &Path, durable: bool) -> Vec<OsString> {
    let safe = OsStr::new(if durable { "on" } else { "off" });
    let port = PORT.to_string();
    let (main, access, map) =
        (layout.etc.join("postgresql.conf"), layout.etc.join("pg_hba.conf"), layout.etc.join("pg_ident.conf"));
    let settings: [(&str, &OsStr); 10] = [
        ("config_file", main.as_os_str()),
        ("hba_file", access.as_os_str()),
        ("ident_file", map.as_os_str()),
        ("log_directory", layout.log.as_os_str()),
        ("listen_addresses", OsStr::new("")),
        ("port", OsStr::new(&port)),
        ("unix_socket_directories", socket_directory.as_os_str()),
        ("unix_socket_permissions", OsStr::new("0700")),
        ("fsync", safe),
        ("full_page_writes", safe),
    ];
    let mut arguments = vec![OsString::from("-D"), layout.pgdata.clone().into_os_string()];
    for (name, value) in settings {
        let mut setting = OsString::from(name);
        setting.push("=");
        setting.push(value);
        arguments.extend([OsString::from("-c"), setting]);
    }
    arguments
}
