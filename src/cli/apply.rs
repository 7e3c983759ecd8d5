//! `vestibule apply`: a seed file, applied from the terminal, also beside a running server.

use std::io::Write as _;

use super::{Apply, Outcome, database, logging};
use crate::db::{Database, migrate};
use crate::kernel::config::Config;
use crate::protocol::password::{Hasher, Limits};
use crate::seed::{self, Mode, Report, Seed};

/// Applies the file, or shows what that would change.
///
/// # Errors
///
/// When the file cannot be read or applied, or the database cannot be reached.
pub async fn run(config: Config, arguments: Apply) -> Outcome {
    logging::start(&config)?;
    // Before anything is started: most mistakes are in the file.
    let seed = seed::read(&arguments.file)?;
    warn(&seed)?;
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Apply };
    let opened = database::open_beside(&config).await?;
    let mut report = Report::default();
    let applied = apply(&opened.database, &seed, mode, &mut report).await;
    let closed = opened.close().await;
    std::io::stdout().write_all(summary(&report, mode).as_bytes())?;
    applied.and(closed)
}

async fn apply(database: &Database, seed: &Seed, mode: Mode, report: &mut Report) -> Outcome {
    migrate::run(database).await?;
    let hasher = Hasher::start(database.random.clone(), Limits::default())?;
    Ok(seed::apply(database, &hasher, seed, mode, report).await?)
}

fn warn(seed: &Seed) -> Outcome {
    let lines: String = seed.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    Ok(std::io::stderr().write_all(lines.as_bytes())?)
}

/// A line for each change, and one that counts them.
fn summary(report: &Report, mode: Mode) -> String {
    let lines: String = report.changes.iter().map(|change| format!("{change}\n")).collect();
    let end = match (report.changes.len(), mode) {
        (0, _) => "nothing to change".to_owned(),
        (1, Mode::Apply) => "1 change".to_owned(),
        (count, Mode::Apply) => format!("{count} changes"),
        (1, Mode::DryRun) => "1 change to be made; nothing was changed".to_owned(),
        (count, Mode::DryRun) => format!("{count} changes to be made; nothing was changed"),
    };
    format!("{lines}{end}\n")
}
