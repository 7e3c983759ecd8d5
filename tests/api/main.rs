//! Tests of the settings, the command line and of the packaging.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking, like tests")]

mod command_line;
mod packaging;
mod settings;
