//! Tests of the built binary and of what needs processes of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail where it stands"
)]

mod backup;
mod cluster;
mod commands;
mod crash;
mod database;
mod disk;
#[path = "../harness/dns.rs"]
#[expect(dead_code, reason = "the tests in process ask more of it")]
mod dns;
mod doctor;
mod faults;
#[path = "../folder.rs"]
mod folder;
mod harness;
mod operation;
mod pair;
mod receiver;
mod revocation;
#[path = "../harness/smtp.rs"]
#[expect(dead_code, reason = "the tests in process ask more of it")]
mod smtp;
mod start;
mod stop;
mod take_over;
mod traces;
mod upgrade;
mod webhooks;
mod wire;
