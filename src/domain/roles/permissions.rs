//! What roles permit. A change holds for everybody who has the role at once; tokens follow when they are renewed.

use crate::db::Tx;
use crate::kernel::id::OrganizationId;
use crate::kernel::{Error, Result};
use crate::model::permissions::Permission;
use crate::model::roles::Role;
use crate::store;

/// Makes these the permissions of a role of the environment, or of the organization if there is one.
pub async fn set(
    tx: &mut Tx,
    organization: Option<&OrganizationId>,
    slug: &str,
    permissions: &[String],
) -> Result<Role> {
    let permissions = store::permissions::hold(tx, permissions).await?;
    let role = store::roles::lock(tx, organization, slug).await?;
    let slugs = permissions.iter().map(|permission| permission.slug.clone()).collect();
    change(tx, role, &permissions, slugs).await
}

/// Gives a role a permission besides those that it has.
pub async fn add(tx: &mut Tx, organization: Option<&OrganizationId>, slug: &str, permission: &str) -> Result<Role> {
    let permissions = store::permissions::hold(tx, &[permission.to_owned()]).await?;
    let role = store::roles::lock(tx, organization, slug).await?;
    let mut slugs = role.permissions.clone();
    slugs.push(permission.to_owned());
    change(tx, role, &permissions, slugs).await
}

/// Takes from a role a permission that it has.
pub async fn remove(tx: &mut Tx, organization: Option<&OrganizationId>, slug: &str, permission: &str) -> Result<Role> {
    let role = store::roles::lock(tx, organization, slug).await?;
    let slugs: Vec<_> = role.permissions.iter().filter(|&other| other != permission).cloned().collect();
    if slugs.len() == role.permissions.len() {
        return Err(Error::missing_named("Permission", permission));
    }
    change(tx, role, &[], slugs).await
}

/// Leaves a role with the permissions of these slugs; those of them that it may lack are given whole, and held. A
/// change that changes nothing is no event and leaves `updated_at` alone.
async fn change(tx: &mut Tx, role: Role, given: &[Permission], mut slugs: Vec<String>) -> Result<Role> {
    check_types(tx, &role, given).await?;
    slugs.sort_unstable();
    slugs.dedup();
    if slugs == role.permissions {
        return Ok(role);
    }
    let role = Role { permissions: slugs, updated_at: tx.now(), ..role };
    let keys: Vec<_> = given.iter().map(|permission| permission.key).collect();
    store::roles::retain_permissions(tx, role.key, &role.permissions).await?;
    store::roles::insert_permissions(tx, role.key, &keys).await?;
    store::roles::update(tx, &role).await?;
    tx.emit(role.updated())?;
    Ok(role)
}

/// A role may permit what concerns resources of its own type and of the types below it, for these are what it reaches.
async fn check_types(tx: &mut Tx, role: &Role, permissions: &[Permission]) -> Result<()> {
    if permissions.iter().all(|permission| permission.resource_type == role.resource_type) {
        return Ok(());
    }
    let within = store::resource_types::list_within(tx, role.resource_type).await?;
    let Some(outside) = permissions.iter().find(|permission| !within.contains(&permission.resource_type)) else {
        return Ok(());
    };
    let message = format!(
        "The permission '{}' is scoped to the resource type '{}', which is neither '{}' nor below it.",
        outside.slug, outside.resource_type_slug, role.resource_type_slug
    );
    Err(Error::unprocessable("permission_resource_type_mismatch", message))
}
