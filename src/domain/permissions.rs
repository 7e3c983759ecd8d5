//! Permissions: made, changed and deleted.

use super::api_keys;
use crate::db::Tx;
use crate::kernel::id::PermissionId;
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::keys::ResourceTypeKey;
use crate::model::permissions::Permission;
use crate::model::resource_types::ORGANIZATION;
use crate::store;
use crate::store::permissions::New;

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

/// What a new permission is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<PermissionId>,
    /// The name that programs use.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it allows.
    pub description: Option<String>,
    /// The type of resources that it concerns: the organization itself, if nothing else is said.
    pub resource_type_slug: Option<String>,
}

/// What an update of a permission changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// What it allows.
    pub description: Patch<String>,
}

/// Makes the permissions that every environment has. No events: nobody can watch an environment that is only being
/// made.
pub async fn seed(tx: &mut Tx, organization_type: ResourceTypeKey) -> Result<()> {
    let ids: [PermissionId; SYSTEM.len()] = std::array::from_fn(|_| tx.mint());
    let (slugs, names) = (SYSTEM.map(|(slug, _)| slug), SYSTEM.map(|(_, name)| name));
    let now = tx.now();
    store::permissions::insert_system(tx, organization_type, (&ids, &slugs, &names), now).await
}

/// Makes a permission, which no role has yet.
pub async fn create(tx: &mut Tx, input: Create) -> Result<Permission> {
    let Create { id, slug, name, description, resource_type_slug } = input;
    let new = New {
        id: id.unwrap_or_else(|| tx.mint()),
        slug,
        name: name.trim().to_owned(),
        description,
        resource_type_slug: resource_type_slug.unwrap_or_else(|| ORGANIZATION.to_owned()),
    };
    let now = tx.now();
    let permission = store::permissions::insert(tx, &new, now).await?;
    tx.emit(permission.created())?;
    Ok(permission)
}

/// Changes a permission. A change that changes nothing is no event and leaves `updated_at` alone.
pub async fn update(tx: &mut Tx, slug: &str, input: Update) -> Result<Permission> {
    let Update { name, description } = input;
    let current = lock(tx, slug).await?;
    let mut permission = current.clone();
    if let Some(name) = name {
        permission.name = name.trim().to_owned();
    }
    permission.description = description.or(permission.description);
    if permission != current {
        permission.updated_at = tx.now();
        store::permissions::update(tx, &permission).await?;
        tx.emit(permission.updated())?;
    }
    Ok(permission)
}

/// Gives a permission that came with the environment another id: for a seed that pins it, while nobody knows the old one.
pub async fn set_id(tx: &mut Tx, slug: &str, id: &PermissionId) -> Result<()> {
    let permission = store::permissions::lock(tx, slug).await?;
    store::permissions::set_id(tx, permission.key, id).await
}

/// Deletes a permission. Roles and API keys that have it lose it, which changes them, and each says so.
pub async fn delete(tx: &mut Tx, slug: &str) -> Result<()> {
    let permission = lock(tx, slug).await?;
    store::roles::lock_having(tx, permission.key).await?;
    let holders = store::roles::delete_permission(tx, permission.key).await?;
    let now = tx.now();
    for role in store::roles::touch(tx, &holders, now).await? {
        tx.emit(role.updated())?;
    }
    api_keys::lose_permission(tx, permission.key, slug).await?;
    store::permissions::delete(tx, permission.key).await?;
    tx.emit(permission.deleted())
}

/// The permission to be changed or deleted, which one of the server's own cannot be.
async fn lock(tx: &mut Tx, slug: &str) -> Result<Permission> {
    let permission = store::permissions::lock(tx, slug).await?;
    if permission.system {
        return Err(Error::forbidden("system_permission", "System permissions cannot be changed or deleted."));
    }
    Ok(permission)
}
