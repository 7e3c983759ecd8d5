//! Pure engines: no database, no HTTP, no rule of the product.

pub mod jwt;
pub mod password;
