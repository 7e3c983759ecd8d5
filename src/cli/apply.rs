//! `vestibule apply`: a seed file, applied from the terminal, also beside a running server.

use std::io::Write as _;
use std::path::Path;

use super::{Apply, Outcome, boot, database, logging};
use crate::db::Database;
use crate::http::App;
use crate::kernel::config::Config;
use crate::protocol::password::{Hasher, Limits};
use crate::protocol::web_address::Plain;
use crate::seed::{self, Mode, Report, Seed, Tools};

/// Applies the file, or shows what that would change.
///
/// # Errors
///
/// When the file cannot be read or applied, or the database cannot be reached.
pub async fn run(config: Config, arguments: Apply) -> Outcome {
    logging::start(&config)?;
    // Before anything is started: most mistakes are in the file.
    let seed = seed::read(&arguments.file)?;
    warn(&seed.warnings)?;
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Apply };
    let opened = database::open_beside(&config).await?;
    let mut report = Report::default();
    let applied = apply(&config, &opened.database, &seed, mode, &mut report).await;
    let closed = opened.close().await;
    warn(&report.warnings)?;
    let mut text: String = report.changes.iter().map(|change| format!("{change}\n")).collect();
    if applied.is_ok() {
        text.push_str(&summary(&report, mode));
    }
    std::io::stdout().write_all(text.as_bytes())?;
    applied.and(closed)
}

/// Applies the seed of `VESTIBULE_SEED`, before the server listens.
///
/// # Errors
///
/// When the file cannot be read or applied: a server that holds something else than its operator wrote must not start.
pub async fn at_start(path: &Path, app: &App) -> Outcome {
    let seed = seed::read(path)?;
    let mut report = Report::default();
    let (database, hasher, keyring) = (app.database(), app.hasher(), app.keyring());
    let tools = Tools { database, hasher, keyring, http: app.http(), plain: app.plain_http() };
    seed::apply(tools, &seed, Mode::Apply, &mut report).await?;
    for warning in seed.warnings.iter().chain(&report.warnings) {
        tracing::warn!("seed: {warning}");
    }
    // What was changed has the names of people in it: the command shows it, the log does not.
    tracing::info!(path = %path.display(), changes = report.changes.len(), "the seed is applied");
    Ok(())
}

async fn apply(config: &Config, database: &Database, seed: &Seed, mode: Mode, report: &mut Report) -> Outcome {
    database::prepare(database).await?;
    let (keyring, http) = (boot::keyring(config, database).await?, boot::http(config)?);
    let hasher = Hasher::start(database.random.clone(), Limits::default())?;
    let plain = if config.dev { Plain::Anywhere } else { Plain::Local };
    let tools = Tools { database, hasher: &hasher, keyring: &keyring, http: &http, plain };
    Ok(seed::apply(tools, seed, mode, report).await?)
}

fn warn(warnings: &[String]) -> Outcome {
    let lines: String = warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    Ok(std::io::stderr().write_all(lines.as_bytes())?)
}

/// How many changes there were, or would be.
fn summary(report: &Report, mode: Mode) -> String {
    match (report.changes.len(), mode) {
        (0, _) => "nothing to change\n".to_owned(),
        (1, Mode::Apply) => "1 change\n".to_owned(),
        (count, Mode::Apply) => format!("{count} changes\n"),
        (1, Mode::DryRun) => "1 change to be made; nothing was changed\n".to_owned(),
        (count, Mode::DryRun) => format!("{count} changes to be made; nothing was changed\n"),
    }
}
