//! The API, in process: each file tells the stories of one family.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]

#[path = "../harness/mod.rs"]
mod harness;

mod admin;
mod architecture;
mod command_line;
mod conventions;
mod crypto;
mod documents;
mod jwt;
mod licences;
mod organization_memberships;
mod organizations;
mod packaging;
mod passwords;
mod permissions;
mod roles;
mod seed;
mod settings;
mod source;
mod sql;
mod sweeps;
mod users;
