//! Vestibule: a self-hostable server that speaks the WorkOS API.

pub mod kernel;
pub mod protocol;
