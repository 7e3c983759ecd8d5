//! Floor 4: the evaluator, which says what memberships may do.
//!
//! It answers from the committed rows of this moment and keeps nothing of its own: what was taken away is gone with the
//! next question. Nothing here writes; rules of change are in [`crate::domain`].

pub mod check;
pub mod explain;
pub mod lists;
