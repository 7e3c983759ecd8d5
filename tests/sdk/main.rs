//! The official Rust SDK as client.
fn main() {}
