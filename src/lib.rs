//! Vestibule.

pub mod cli;
pub mod kernel;
