//! `vestibule doctor`: everything that a start depends on, looked at without changing any of it; and the trees of resources, if
//! that is asked for, which it also repairs.
//!
//! Each check tells what it found and, where that is not well, what to do. The checks are files of this folder; none of
//! them calls anything that the settings do not name. A private cluster that exists but does not run is started for the
//! checks and stopped after them, as every command does; one that does not exist is not made.

mod authorization;
mod database;
mod findings;
mod machine;
mod outbound;

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;

use findings::Findings;

use super::Doctor;
use crate::kernel::config::{Config, Flags};

/// Runs the checks and prints what they found; whether all is well.
///
/// # Errors
///
/// When what was found cannot be written.
pub async fn run(
    environment: Vec<(OsString, OsString)>,
    flags: Flags,
    arguments: &Doctor,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let mut findings = Findings::default();
    match Config::load(environment, flags) {
        Ok(config) => examine(&config, arguments, &mut findings).await,
        Err(faults) => {
            for fault in faults.as_slice() {
                findings.failed("settings", &fault.place, format!("{}; `vestibule --help` lists all", fault.problem));
            }
        }
    }
    let text = if arguments.json { findings.json() } else { findings.text() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(findings.is_well())
}

async fn examine(config: &Config, arguments: &Doctor, findings: &mut Findings) {
    machine::settings(config, findings);
    machine::public_url(config, findings);
    machine::data_dir(config, findings);
    machine::master_key(config, findings);
    machine::descriptors(config, findings);
    machine::listen(config, findings).await;
    database::examine(config, arguments, findings).await;
    outbound::examine(config, findings).await;
}
