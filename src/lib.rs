//! Vestibule: a self-hostable server that speaks the WorkOS API.
//!
//! The modules are the floors of a house: each imports only those below it. `docs/architecture.md` is the map.

pub mod admin;
pub mod api;
pub mod app;
pub mod authz;
pub mod cli;
pub mod db;
pub mod domain;
pub mod http;
pub mod kernel;
pub mod model;
pub mod outbound;
pub mod protocol;
pub mod seed;
pub mod store;
pub mod worker;
