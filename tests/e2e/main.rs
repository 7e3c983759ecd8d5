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
mod harness;
mod operation;
mod start;
mod stop;
mod wire;
