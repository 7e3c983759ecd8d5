//! `vestibule migrate`: the schema brought up to date, and nothing else.

use super::{Outcome, database, logging};
use crate::db::migrate;
use crate::kernel::config::Config;

/// Applies the missing migrations and ends.
///
/// # Errors
///
/// When the database cannot be reached or a migration fails.
pub async fn run(config: Config) -> Outcome {
    logging::start(&config)?;
    let opened = database::open(&config).await?;
    let migrated = migrate::run(&opened.database).await;
    let closed = opened.close().await;
    migrated?;
    closed
}
