//! The log: lines on standard error, as text or as JSON.

use std::error::Error;

use tracing_subscriber::EnvFilter;

use crate::kernel::config::{Config, LogFormat};

/// Starts logging as the settings say.
///
/// # Errors
///
/// When the filter cannot be read, or logging was started before.
pub fn start(config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    // What PostgreSQL remarks on (a table that is there already) is no news, unless it is asked for by name.
    let filter = EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{}", config.log))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    std::panic::set_hook(Box::new(|panic| {
        // The place only: what a panic says may hold anything.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
    match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
}
