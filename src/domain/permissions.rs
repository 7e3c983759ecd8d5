//! Permissions.

use crate::db::Tx;
use crate::kernel::Result;
use crate::kernel::id::PermissionId;
use crate::model::keys::ResourceTypeKey;
use crate::store;

/// The permissions that the server itself asks for: each lets its holder use one of the widgets.
const SYSTEM: [(&str, &str); 7] = [
    ("widgets:api-keys:manage", "Manage API keys"),
    ("widgets:audit-log-streaming:manage", "Manage audit log streaming"),
    ("widgets:domain-verification:manage", "Manage domain verification"),
    ("widgets:dsync:manage", "Manage directory sync"),
    ("widgets:pipes:manage", "Manage pipes"),
    ("widgets:sso:manage", "Manage single sign-on"),
    ("widgets:users-table:manage", "Manage users"),
];

/// Makes the permissions that every environment has. No events: nobody can watch an environment that is only being
/// made.
pub async fn seed(tx: &mut Tx, organization_type: ResourceTypeKey) -> Result<()> {
    let ids: [PermissionId; SYSTEM.len()] = std::array::from_fn(|_| tx.mint());
    let (slugs, names) = (SYSTEM.map(|(slug, _)| slug), SYSTEM.map(|(_, name)| name));
    let now = tx.now();
    store::permissions::insert_system(tx, organization_type, (&ids, &slugs, &names), now).await
}
