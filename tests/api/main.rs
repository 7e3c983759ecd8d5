//! The API, in process: each file tells the stories of one family.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]
#![expect(clippy::too_many_lines, reason = "a few stories are long, and told better in one piece")]

#[path = "../harness/mod.rs"]
mod harness;

mod admin;
mod api_keys;
mod architecture;
mod authorization;
mod callers;
mod command_line;
mod connections;
mod conventions;
mod cors;
mod crypto;
mod decisions;
mod documents;
mod event_log;
mod event_plans;
mod events;
mod feature_flags;
mod group_role_assignments;
mod groups;
mod imported_passwords;
mod installation;
mod invitations;
mod jwt;
mod jwt_template;
mod large_trees;
mod licences;
mod listener;
mod mail;
mod migrations;
mod oauth_resources;
mod openapi;
mod organization_domains;
mod organization_memberships;
mod organizations;
mod outbound;
mod packaging;
mod pages;
mod passwords;
mod permissions;
mod redirect_uris;
mod resource_races;
mod resource_types;
mod resources;
mod role_assignment_plans;
mod role_assignments;
mod roles;
mod roles_of_members;
mod seed;
mod sessions;
mod settings;
mod sign_in;
mod signing_keys;
mod source;
mod sql;
mod sweeps;
mod users;
mod waitlists;
mod webhook_endpoints;
mod webhooks;
mod wire;
