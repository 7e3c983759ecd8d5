//! Placeholder of this worktree.

use super::Outcome;
use crate::kernel::config::Config;

/// Placeholder.
pub async fn run(_config: Config) -> Outcome {
    Err("placeholder".into())
}
