//! Tests in process.

mod crypto;
mod jwt;
mod passwords;
