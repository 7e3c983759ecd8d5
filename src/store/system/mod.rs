//! Statements that belong to no environment: what finds an environment, and what the operator and the workers do.
//!
//! Functions take `&mut System`, which is accepted nowhere else.

pub mod cors_origins;
pub mod domain_checks;
pub mod environments;
pub mod event_log;
pub mod event_partitions;
pub mod installation;
pub mod mail;
pub mod management_keys;
pub mod resource_trees;
pub mod sign_ins;
pub mod webhooks;
