//! Floor 4: what every door shares.
//!
//! The state of the application, the table of routes, authentication of callers, the reading of input, the envelope
//! of errors, and the edge around all of it. Knows no resource family.

pub mod auth;
pub mod callers;
pub mod client;
pub mod cors;
pub mod describe;
pub mod edge;
pub mod error;
pub mod extract;
pub mod health;
pub mod limit;
mod line;
pub mod openapi;
pub mod respond;
pub mod routes;
pub mod serve;
pub mod signing;
pub mod state;
pub mod unread;

pub use auth::{Operator, Scope};
pub use extract::{Json, JsonOrForm, JsonOrQuery, Path, Query};
pub use respond::{Accepted, Created, Done, Existing, NoContent};
pub use routes::Routes;
pub use state::App;
