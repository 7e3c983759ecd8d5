//! Floor 5, the door of the API: one file a family, and this page of merges.
//!
//! A handler extracts, calls one function and wraps the answer: reads go to `store`, writes to `domain`. Doors do
//! not import one another.

pub mod api_keys;
pub mod authentication;
pub mod authorization;
pub mod cors_origins;
pub mod events;
pub mod feature_flags;
pub mod groups;
pub mod invitations;
pub mod jwks;
pub mod jwt_template;
pub mod oauth_resources;
pub mod organization_domains;
pub mod organization_memberships;
pub mod organizations;
pub mod permissions;
pub mod redirect_uris;
pub mod resources;
pub mod role_assignments;
pub mod roles;
pub mod sessions;
pub mod users;
pub mod waitlists;
pub mod webhook_endpoints;

use crate::http::Routes;

/// Every route of the API.
pub fn routes() -> Routes {
    Routes::family("platform")
        .merge(organizations::routes())
        .merge(organization_domains::routes())
        .merge(users::routes())
        .merge(organization_memberships::routes())
        .merge(groups::routes())
        .merge(api_keys::routes())
        .merge(roles::routes())
        .merge(permissions::routes())
        .merge(authorization::routes())
        .merge(resources::routes())
        .merge(role_assignments::routes())
        .merge(authentication::routes())
        .merge(sessions::routes())
        .merge(jwks::routes())
        .merge(feature_flags::routes())
        .merge(events::routes())
        .merge(redirect_uris::routes())
        .merge(cors_origins::routes())
        .merge(jwt_template::routes())
        .merge(oauth_resources::routes())
        .merge(invitations::routes())
        .merge(waitlists::routes())
        .merge(webhook_endpoints::routes())
}
