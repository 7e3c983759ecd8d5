//! `vestibule export`: an environment as a seed file, from the terminal, also beside a running server.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{Export, Outcome, boot, database, keys, logging};
use crate::db::Database;
use crate::kernel::config::Config;
use crate::seed::{self, Secrets};

/// Writes the file, or to standard output.
///
/// # Errors
///
/// When the database cannot be reached, there is no such environment, or the file cannot be written.
pub async fn run(config: Config, arguments: Export) -> Outcome {
    logging::start(&config)?;
    let opened = database::open_beside(&config).await?;
    let written = write(&config, &opened.database, &arguments).await;
    let closed = opened.close().await;
    written.and(closed)
}

async fn write(config: &Config, database: &Database, arguments: &Export) -> Outcome {
    database::prepare(database).await?;
    let environment = keys::choose(&mut database.system().await?, arguments.environment.as_deref()).await?;
    let keyring = if arguments.secrets { Some(boot::keyring(config, database).await?) } else { None };
    let secrets = keyring.as_ref().map_or(Secrets::Hidden, Secrets::Shown);
    match &arguments.output {
        Some(path) => {
            let file = create(path).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
            seed::export(database, &environment, secrets, &file).await?;
            Ok(file.sync_all()?)
        }
        None => Ok(seed::export(database, &environment, secrets, std::io::stdout()).await?),
    }
}

/// For its owner only, whatever is in it: it has the addresses of people at the least. A file that is there is not
/// written over, because nobody knows who may read it.
fn create(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
