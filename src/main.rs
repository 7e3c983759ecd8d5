//! Placeholder of the worktree.
fn main() {}
