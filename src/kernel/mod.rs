//! Stand-in of the kernel floor in this worktree.

pub mod config;
pub mod secret;
