//! Floor 0: what every other floor stands on, and that stands on nothing of ours.
//!
//! Ids, time, randomness, pages, errors, the reading and checking of input, settings. Nothing here knows a
//! resource family, a table or a route. Look in [`error`] first: every function that can fail speaks it.

pub mod check;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod error;
pub mod event;
pub mod id;
pub mod page;
pub mod patch;
pub mod read;
pub mod schema;
pub mod secret;
pub mod trace;

pub use error::{Error, Result};
