//! What the programs that measure have in common: a cheap client, processes that end with the program, the floor, the
//! processor's time, tables.

pub mod client;
pub mod cpu;
pub mod floor;
#[path = "../../tests/folder.rs"]
#[expect(clippy::unwrap_used, reason = "it belongs to the tests, where that is a way to fail")]
mod folder;
pub mod process;
pub mod report;
pub mod sample;
pub mod server;

use std::path::PathBuf;

pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Connections to PostgreSQL that the server and the floor may open: the server's default.
pub const CONNECTIONS: u32 = 16;

/// A folder for what is written to disk, beside this program.
pub fn folder_for(name: &str) -> Result<PathBuf, Fault> {
    let own = std::env::current_exe()?.with_file_name("tmp");
    std::fs::create_dir_all(&own)?;
    Ok(folder::reachable(&own).join(name))
}

/// The server that was built beside this program.
pub fn server_beside() -> Result<PathBuf, Fault> {
    Ok(std::env::current_exe()?.with_file_name("vestibule"))
}

/// Says what to do where there is no server.
pub fn require_server(program: &std::path::Path) -> Result<(), Fault> {
    if program.is_file() {
        return Ok(());
    }
    Err(format!("there is no server at {}: build it, or name another with --server", program.display()).into())
}
