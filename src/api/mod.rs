//! Floor 5, the door of the API: one file a family, and this page of merges.
//!
//! A handler extracts, calls one function and wraps the answer: reads go to `store`, writes to `domain`. Doors do
//! not import one another.

pub mod authentication;
pub mod authorization;
pub mod events;
pub mod feature_flags;
pub mod jwks;
pub mod organization_domains;
pub mod organization_memberships;
pub mod organizations;
pub mod permissions;
pub mod roles;
pub mod sessions;
pub mod users;
pub mod webhook_endpoints;

use crate::http::Routes;

/// Every route of the API.
pub fn routes() -> Routes {
    Routes::family("platform")
        .merge(organizations::routes())
        .merge(organization_domains::routes())
        .merge(users::routes())
        .merge(organization_memberships::routes())
        .merge(roles::routes())
        .merge(permissions::routes())
        .merge(authorization::routes())
        .merge(authentication::routes())
        .merge(sessions::routes())
        .merge(jwks::routes())
        .merge(feature_flags::routes())
        .merge(events::routes())
        .merge(webhook_endpoints::routes())
}
