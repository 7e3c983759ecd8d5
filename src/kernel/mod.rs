//! What every floor may import and what imports none of them.

pub mod crypto;
pub mod secret;
