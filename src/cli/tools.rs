//! `vestibule database`: a program of PostgreSQL's, run on the server's database.
//!
//! `vestibule database pg_dump --file=backup.dump`. The program is told where the database is by the variables that all
//! of them read, and so needs to know neither the address nor where a private cluster has its socket. A private cluster
//! that does not run is started for as long as the program takes.

use std::ffi::OsString;
use std::path::PathBuf;

use url::Url;

use super::{Outcome, Tool, database, logging};
use crate::db::embedded;
use crate::kernel::config::layers::{Layer, keys};
use crate::kernel::config::{CONFIG_VARIABLE, Config};

/// Runs the program to its end.
///
/// # Errors
///
/// When the database cannot be opened, or the program cannot be run or fails.
pub async fn run(config: Config, tool: Tool) -> Outcome {
    logging::start(&config)?;
    let opened = database::open_beside(&config).await?;
    let ended = execute(&config, &opened, tool).await;
    let closed = opened.close().await;
    ended.and(closed)
}

async fn execute(config: &Config, opened: &database::Opened, tool: Tool) -> Outcome {
    let (program, arguments) = tool.command.split_first().ok_or("name a program, such as psql or pg_dump")?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments);
    // What is ours is no business of the program.
    for name in keys().map(|key| Layer::Environment.spell(key)).chain([CONFIG_VARIABLE.to_owned()]) {
        command.env_remove(name);
    }
    match &config.database_url {
        Some(url) => command.envs(of_url(&Url::parse(url.expose())?)),
        None => command.envs(of_cluster(config, opened)?),
    };
    let name = program.to_string_lossy();
    let status = command.status().await.map_err(|error| format!("cannot run {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})").into()) }
}

/// The variables of libpq for a URL.
fn of_url(url: &Url) -> Vec<(&'static str, String)> {
    let mut variables = vec![("PGPORT", url.port().unwrap_or(5432).to_string())];
    let path = url.path().trim_start_matches('/');
    for (name, value) in [
        ("PGHOST", url.host_str().unwrap_or_default().trim_matches(['[', ']'])),
        ("PGUSER", url.username()),
        ("PGPASSWORD", url.password().unwrap_or_default()),
        ("PGDATABASE", path),
    ] {
        if !value.is_empty() {
            variables.push((name, decoded(value)));
        }
    }
    for (name, value) in url.query_pairs() {
        let variable = match &*name {
            "host" => "PGHOST",
            "port" => "PGPORT",
            "user" => "PGUSER",
            "password" => "PGPASSWORD",
            "dbname" => "PGDATABASE",
            "sslmode" | "ssl-mode" => "PGSSLMODE",
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
            "sslcert" | "ssl-cert" => "PGSSLCERT",
            "sslkey" | "ssl-key" => "PGSSLKEY",
            _ => continue,
        };
        variables.push((variable, value.into_owned()));
    }
    variables
}

/// What stands percent-encoded in a URL.
fn decoded(text: &str) -> String {
    // A plus is a plus outside of forms.
    let text = format!("x={}", text.replace('+', "%2B"));
    form_urlencoded::parse(text.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

/// The variables for the private cluster: its socket, and its own programs before any others.
fn of_cluster(
    config: &Config,
    opened: &database::Opened,
) -> Result<Vec<(&'static str, OsString)>, Box<dyn std::error::Error + Send + Sync>> {
    let options = opened.database.pool().connect_options();
    let socket = options.get_socket().cloned().unwrap_or_default();
    let programs = embedded::prospect(&std::path::absolute(&config.data_dir)?)?.programs;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?;
    Ok(vec![
        ("PATH", path),
        ("PGHOST", PathBuf::into_os_string(socket)),
        ("PGPORT", options.get_port().to_string().into()),
        ("PGUSER", options.get_username().into()),
        ("PGDATABASE", options.get_database().unwrap_or_default().into()),
        ("PGSSLMODE", "disable".into()),
    ])
}
