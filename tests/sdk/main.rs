//! The API as the official Rust SDK sees it: its strict types must read every answer and every event.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[expect(dead_code, unused_imports, reason = "shared with the tests of the API, which use all of it")]
#[path = "../harness/mod.rs"]
mod harness;

mod api_keys;
mod applications;
mod authorization;
mod catalogue;
mod events;
mod feature_flags;
mod groups;
mod invitations;
mod organization_domains;
mod organization_memberships;
mod organizations;
mod resources;
mod role_assignments;
mod sdk;
mod sign_in;
mod users;
mod waitlists;
mod webhooks;
