//! Floor 2: the objects as the outside world sees them, and the events about them.
//!
//! One file a family. Nothing here has behaviour beyond its own form: rules are in `domain/`, rows in `store/`.

pub mod api_keys;
pub mod authentication;
pub mod authorization;
pub mod cors_origins;
pub mod environments;
pub mod events;
pub mod feature_flags;
pub mod groups;
pub mod invitations;
pub mod jwt_templates;
pub mod keys;
pub mod locales;
pub mod mail;
pub mod metadata;
pub mod oauth_resources;
pub mod organization_domains;
pub mod organization_memberships;
pub mod organizations;
pub mod permissions;
pub mod redirect_uris;
pub mod resource_types;
pub mod resources;
pub mod role_assignments;
pub mod roles;
pub mod sessions;
pub mod signing_keys;
pub mod users;
pub mod waitlists;
pub mod webhook_deliveries;
pub mod webhook_endpoints;
pub mod webhook_events;

/// Declares the events about an object: `organization.created()` and its siblings.
///
/// `$organization` tells the organization that the object concerns, by which readers of the log may filter.
#[macro_export]
macro_rules! events {
    ($object:ty, $organization:expr; $($(#[$meta:meta])* $function:ident = $name:literal),* $(,)?) => {
        impl $object {
            $(
                #[doc = concat!("The event `", $name, "`.")]
                $(#[$meta])*
                pub fn $function(&self) -> $crate::kernel::Result<$crate::kernel::event::Event> {
                    let organization: fn(&$object) -> Option<$crate::kernel::id::OrganizationId> = $organization;
                    $crate::kernel::event::Event::new($name, organization(self), self)
                }
            )*
        }
    };
}
