//! Placeholder of this worktree.

use super::{Keys, Outcome};
use crate::kernel::config::Config;

/// Placeholder.
pub async fn run(_config: Config, _arguments: Keys) -> Outcome {
    Err("placeholder".into())
}
