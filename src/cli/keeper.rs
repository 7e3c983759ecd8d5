//! Placeholder of this worktree.

use std::ffi::OsString;

use super::Outcome;

/// Placeholder.
pub fn run(_arguments: Vec<OsString>) -> Outcome {
    Err("placeholder".into())
}
