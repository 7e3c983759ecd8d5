//! Role assignments: who has which role on which resource.
//!
//! A membership's roles are its subject's assignments on the root of the organization's tree: the same rows that
//! decide what it may do. Nothing here announces itself; the membership that changes does. What is assigned one by one, on
//! whatever resource, is in [`memberships`] and [`groups`]; what a file says of very many, in [`many`].
//!
//! Everybody holds the organization, then roles, then the membership or the group.

pub mod groups;
pub mod many;
pub mod memberships;

use crate::db::Tx;
use crate::kernel::id::OrganizationId;
use crate::kernel::{Error, Result};
use crate::model::keys::{RoleKey, SubjectKey};
use crate::model::resource_types::ORGANIZATION;
use crate::model::roles::Role;
use crate::store;
use crate::store::role_assignments::targets::Target;

/// A role of this slug of another type than the resource on which it was to be given.
fn mismatch(role: &Role, target: &Target) -> Error {
    let message = format!(
        "The role '{}' is scoped to the resource type '{}' and cannot be assigned on a resource of the type '{}'.",
        role.slug, role.resource_type_slug, target.resource.resource_type_slug
    );
    Error::unprocessable("role_resource_type_mismatch", message).with("role_slug", role.slug.as_str())
}

/// The one of these roles that is meant, which must be of the type of the resource on which it is given.
fn fitting<'r>(roles: &'r [Role], slug: &str, target: &Target) -> Result<&'r Role> {
    let role = roles.iter().find(|role| role.slug == slug).ok_or_else(|| Error::missing_named("Role", slug))?;
    if role.resource_type == target.resource_type { Ok(role) } else { Err(mismatch(role, target)) }
}

fn limit_exceeded(message: String) -> Error {
    Error::refused("role_assignment_limit_exceeded", message)
}

/// The roles of these slugs, as a membership of the organization can have them, highest first; without any, the
/// default role of the organization.
///
/// They cannot be deleted until the transaction ends. Ask when the organization is held, which a new row below it does,
/// and before locking the membership: whoever deletes holds the organization first, then the role, then its members.
pub async fn resolve(
    tx: &mut Tx,
    organization: &OrganizationId,
    slugs: &[String],
    multiple_roles: bool,
) -> Result<Vec<Role>> {
    if slugs.is_empty() {
        return Ok(vec![default_role(tx, organization).await?]);
    }
    let roles = store::roles::hold_of_organization(tx, organization, slugs).await?;
    if let Some(unknown) = slugs.iter().find(|&slug| roles.iter().all(|role| role.slug != *slug)) {
        return Err(Error::unprocessable("invalid_role", format!("Role '{unknown}' is not a valid role.")));
    }
    if let Some(role) = roles.iter().find(|role| role.resource_type_slug != ORGANIZATION) {
        let message = "Sub-resource scoped roles are not allowed for this operation.";
        let error = Error::unprocessable("sub_resource_scoped_role_not_allowed", message);
        return Err(error.with("role_slug", role.slug.as_str()));
    }
    // The setting may have changed since the request was let in, and whoever changes it looks at every membership.
    if roles.len() > 1 && !(multiple_roles && store::role_assignments::hold_multiple_roles(tx).await?) {
        let message = "Multiple roles are not enabled for this environment.";
        return Err(Error::unprocessable("multiple_roles_not_enabled", message));
    }
    Ok(roles)
}

/// The role of those who were given none, which cannot be deleted until the transaction ends.
async fn default_role(tx: &mut Tx, organization: &OrganizationId) -> Result<Role> {
    for _ in 0..2 {
        if let Some(role) = store::roles::hold_default(tx, organization).await? {
            return Ok(role);
        }
    }
    Err(Error::internal("the environment has no default role"))
}

/// Makes these the roles that a membership has in its organization; whether that changed anything.
pub async fn set_membership_roles(
    tx: &mut Tx,
    organization: &OrganizationId,
    subject: SubjectKey,
    roles: &[Role],
) -> Result<bool> {
    let current = store::role_assignments::list_roles_on_root(tx, organization, subject).await?;
    let wanted: Vec<_> = roles.iter().map(|role| role.key).collect();
    let gone: Vec<_> = current.iter().copied().filter(|role| !wanted.contains(role)).collect();
    let new: Vec<RoleKey> = wanted.into_iter().filter(|role| !current.contains(role)).collect();
    if !gone.is_empty() {
        store::role_assignments::delete_on_root(tx, organization, subject, &gone).await?;
    }
    if !new.is_empty() {
        let ids: Vec<_> = new.iter().map(|_| tx.mint()).collect();
        let now = tx.now();
        store::role_assignments::insert_on_root(tx, organization, subject, (&ids, &new), now).await?;
    }
    Ok(!gone.is_empty() || !new.is_empty())
}

/// Takes every role from subjects that are being deleted, on whatever resource they have it.
pub async fn remove_all_of_subjects(tx: &mut Tx, subjects: &[SubjectKey]) -> Result<()> {
    store::role_assignments::delete_of_subjects(tx, subjects).await
}
