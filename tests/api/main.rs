//! The API, in process: each file tells the stories of one family.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]

#[path = "../harness/mod.rs"]
mod harness;

mod command_line;
mod conventions;
mod crypto;
mod event_log;
mod events;
mod jwt;
mod organizations;
mod packaging;
mod passwords;
mod settings;
mod sql;
