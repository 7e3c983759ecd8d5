//! Placeholder of this worktree.

use super::{Apply, Outcome};
use crate::kernel::config::Config;

/// Placeholder.
pub async fn run(_config: Config, _arguments: Apply) -> Outcome {
    Err("placeholder".into())
}
