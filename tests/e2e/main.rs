//! Tests of the built binary and of what needs processes of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail where it stands"
)]

mod cluster;
mod commands;
mod crash;
#[path = "../folder.rs"]
mod folder;
mod harness;
mod operation;
mod start;
mod stop;
mod webhooks;
mod wire;
