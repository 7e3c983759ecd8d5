//! Tests in process.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "clippy exempts test functions, but not their helpers")]

mod crypto;
mod jwt;
mod passwords;
