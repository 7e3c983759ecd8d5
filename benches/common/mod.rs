//! What the programs that measure have in common: a cheap client, processes that end with the program, the floor, the
//! processor's time, tables.

pub mod client;
pub mod cpu;
pub mod floor;
#[path = "../../tests/folder.rs"]
#[expect(clippy::unwrap_used, reason = "it belongs to the tests, where that is a way to fail")]
pub mod folder;
pub mod process;
pub mod report;
pub mod sample;
pub mod server;

pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Connections to PostgreSQL that the server and the floor may open: the server's default.
pub const CONNECTIONS: u32 = 16;
