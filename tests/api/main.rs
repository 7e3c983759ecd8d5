//! The API, in process: each file tells the stories of one family.

#[path = "../harness/mod.rs"]
mod harness;

mod conventions;
mod organizations;
mod sql;
