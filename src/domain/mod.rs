//! Floor 4: what is true, whichever door was used.
//!
//! One file a family: every mutation, with its rules, its rows and its events. Functions take `&mut Tx`, know no
//! status code and do no input or output. They call down the ownership tree (environment, organization, membership,
//! session), never up and never sideways: what must happen elsewhere is an event that somebody reads.

pub mod access_tokens;
pub mod api_keys;
pub mod authentication;
pub mod cors_origins;
pub mod environments;
pub mod feature_flags;
pub mod groups;
pub mod installation;
pub mod invitations;
pub mod jwt_templates;
pub mod mail;
pub mod oauth_resources;
pub mod organization_domains;
pub mod organization_memberships;
pub mod organizations;
pub mod passwords;
pub mod permissions;
pub mod redirect_uris;
pub mod refresh_tokens;
pub mod resource_types;
pub mod resources;
pub mod role_assignments;
pub mod roles;
pub mod sessions;
pub mod standings;
pub mod users;
pub mod waitlists;
pub mod webhook_deliveries;
pub mod webhook_endpoints;
