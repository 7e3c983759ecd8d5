//! Floor 3: the repository layer, and the only place with SQL.
//!
//! One file a family, one statement a function, no rules. Functions take `&mut Db`, which binds the environment as
//! `$1`; files do not call one another, they join tables. What crosses environments is in [`system`].

pub mod api_keys;
pub mod authorization;
pub mod cors_origins;
pub mod environments;
pub mod events;
pub mod feature_flags;
pub mod groups;
pub mod invitations;
pub mod jwt_templates;
pub mod mail;
pub mod oauth_resources;
pub mod organization_domains;
pub mod organization_memberships;
pub mod organizations;
pub mod pending_authentications;
pub mod permissions;
pub mod redirect_uris;
pub mod refresh_tokens;
pub mod resource_types;
pub mod resources;
pub mod role_assignments;
pub mod roles;
pub mod sessions;
pub mod signing_keys;
pub mod system;
pub mod users;
pub mod waitlists;
pub mod webhook_deliveries;
pub mod webhook_endpoints;
