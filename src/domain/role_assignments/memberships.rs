//! Roles that are given to a membership and taken from it, one by one, on whatever resource.
//!
//! On the root of the organization's tree they are the membership's roles there: the rules of those hold, and the
//! membership announces that it was changed. Elsewhere nothing is announced.

use super::{fitting, limit_exceeded, resolve};
use crate::db::Tx;
use crate::domain::organization_memberships;
use crate::kernel::id::{OrganizationMembershipId, RoleAssignmentId};
use crate::kernel::{Error, Result};
use crate::model::keys::RoleKey;
use crate::model::organization_memberships::RoleReference;
use crate::model::resources::ResourceTarget;
use crate::model::role_assignments::{Holder, RoleAssignment, Source, derivation};
use crate::model::roles::Role;
use crate::store;
use crate::store::role_assignments::targets::Target;
use crate::store::role_assignments::{Held, New};

/// A membership has at most that many assignments of its own, those of its groups apart.
pub const MOST: i64 = 10_000;

/// Gives a membership a role on a resource of its organization, whatever its status. One that it has already stays as it
/// is, so that the same request may come twice.
pub async fn create(
    tx: &mut Tx,
    id: &OrganizationMembershipId,
    (role_slug, target): (&str, &ResourceTarget),
    multiple_roles: bool,
) -> Result<RoleAssignment> {
    let holder = hold_organization(tx, id).await?;
    let organization = &holder.organization_id;
    let target = store::role_assignments::targets::get_of_organization(tx, organization, target).await?;
    let roles = store::roles::hold_of_organization(tx, organization, &[role_slug.to_owned()]).await?;
    let role = fitting(&roles, role_slug, &target)?;
    if target.is_root {
        return create_on_root(tx, &holder, role, &target, multiple_roles).await;
    }
    if !store::organization_memberships::hold(tx, id).await? {
        return Err(Error::missing(id));
    }
    if let Some(held) = store::role_assignments::find(tx, holder.subject, (role.key, target.key)).await? {
        return Ok(shown(&holder, role, &target, &held));
    }
    insert(tx, &holder, role, &target).await
}

/// The membership, with its organization held against deletion.
async fn hold_organization(tx: &mut Tx, id: &OrganizationMembershipId) -> Result<Holder> {
    let holder = store::organization_memberships::get_holder(tx, id).await?;
    if store::organizations::hold(tx, &holder.organization_id).await? { Ok(holder) } else { Err(Error::missing(id)) }
}

/// There is always a role already, so another one is a second.
async fn create_on_root(
    tx: &mut Tx,
    holder: &Holder,
    role: &Role,
    target: &Target,
    multiple_roles: bool,
) -> Result<RoleAssignment> {
    // The setting may have changed since the request was let in, and whoever changes it looks at every membership.
    let several = multiple_roles && store::role_assignments::hold_multiple_roles(tx).await?;
    store::organization_memberships::lock(tx, &holder.id).await?;
    if let Some(held) = store::role_assignments::find(tx, holder.subject, (role.key, target.key)).await? {
        return Ok(shown(holder, role, target, &held));
    }
    if !several {
        let message = "Multiple roles are not enabled for this environment.";
        return Err(Error::unprocessable("multiple_roles_not_enabled", message));
    }
    let made = insert(tx, holder, role, target).await?;
    organization_memberships::roles_changed(tx, &[holder.subject]).await?;
    Ok(made)
}

async fn insert(tx: &mut Tx, holder: &Holder, role: &Role, target: &Target) -> Result<RoleAssignment> {
    if store::role_assignments::has_at_least(tx, holder.subject, MOST).await? {
        return Err(limit_exceeded(format!("An organization membership can have at most {MOST} role assignments.")));
    }
    let id: RoleAssignmentId = tx.mint();
    let now = tx.now();
    let new = New { id: id.as_str(), subject: holder.subject, role: role.key, resource: target.key };
    if store::role_assignments::insert(tx, &holder.organization_id, &[new], now).await? > 0 {
        let held = Held {
            id: id.as_str().to_owned(),
            role: role.key,
            resource: target.key,
            is_on_root: target.is_root,
            created_at: now,
        };
        return Ok(shown(holder, role, target, &held));
    }
    // Somebody else was faster. If it has gone since, the same request succeeds when it is sent again.
    let held = store::role_assignments::find(tx, holder.subject, (role.key, target.key)).await?;
    let held = held.ok_or_else(|| Error::unavailable("the assignment was deleted while it was made again"))?;
    Ok(shown(holder, role, target, &held))
}

fn shown(holder: &Holder, role: &Role, target: &Target, held: &Held) -> RoleAssignment {
    RoleAssignment {
        id: RoleAssignmentId::verbatim(&held.id),
        organization_membership_id: holder.id.clone(),
        role: RoleReference { slug: role.slug.clone() },
        resource: target.resource.clone(),
        source: Source::direct(),
        created_at: held.created_at,
        updated_at: held.created_at,
    }
}

/// Which assignment is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'w> {
    /// That of this id.
    Id(&'w RoleAssignmentId),
    /// That of the role of this slug on this resource.
    Of(&'w str, &'w ResourceTarget),
}

/// Takes a role on a resource from a membership. What it has through a group is the group's, and is not taken here.
pub async fn remove(tx: &mut Tx, id: &OrganizationMembershipId, which: Which<'_>) -> Result<()> {
    let holder = store::organization_memberships::get_holder(tx, id).await?;
    let (held, is_of_group) = match which {
        Which::Id(id) => by_id(tx, &holder, id).await?,
        Which::Of(role_slug, target) => by_criteria(tx, &holder, role_slug, target).await?,
    };
    let Some(held) = held else {
        return Err(if is_of_group { of_group() } else { missing(which) });
    };
    if held.is_on_root {
        return remove_on_root(tx, &holder, held.role, which).await;
    }
    let gone = store::role_assignments::delete(tx, holder.subject, &[&held.id]).await?;
    if gone > 0 { Ok(()) } else { Err(missing(which)) }
}

fn missing(which: Which<'_>) -> Error {
    match which {
        Which::Id(id) => Error::missing(id),
        Which::Of(role_slug, _) => Error::missing_named("Role assignment", role_slug),
    }
}

fn of_group() -> Error {
    let message = "The membership has this role through a group. Remove it from the group, or the membership from the \
                   group.";
    Error::forbidden("role_assignment_of_group", message)
}

async fn by_id(tx: &mut Tx, holder: &Holder, id: &RoleAssignmentId) -> Result<(Option<Held>, bool)> {
    match derivation(id) {
        None => Ok((store::role_assignments::find_by_id(tx, holder.subject, id.as_str()).await?, false)),
        Some((assignment, membership)) => {
            let is_through = store::role_assignments::is_through_group(tx, holder.subject, &assignment).await?;
            Ok((None, is_through && membership == holder.id))
        }
    }
}

async fn by_criteria(
    tx: &mut Tx,
    holder: &Holder,
    role_slug: &str,
    target: &ResourceTarget,
) -> Result<(Option<Held>, bool)> {
    let organization = &holder.organization_id;
    let role = store::roles::get_of_organization(tx, organization, role_slug).await?.key;
    let target = store::role_assignments::targets::get_of_organization(tx, organization, target).await?.key;
    let held = store::role_assignments::find(tx, holder.subject, (role, target)).await?;
    let is_of_group =
        held.is_none() && store::role_assignments::is_through_any_group(tx, holder.subject, (role, target)).await?;
    Ok((held, is_of_group))
}

/// A membership always has a role in its organization: with its last one gone it has the default role, which therefore
/// cannot be taken when it is the last.
async fn remove_on_root(tx: &mut Tx, holder: &Holder, role: RoleKey, which: Which<'_>) -> Result<()> {
    let Holder { id, subject, organization_id } = holder;
    hold_organization(tx, id).await?;
    let default = resolve(tx, organization_id, &[], false).await?;
    store::organization_memberships::lock(tx, id).await?;
    let roles = store::role_assignments::list_roles_on_root(tx, organization_id, *subject).await?;
    if !roles.contains(&role) {
        return Err(missing(which));
    }
    let default = default.into_iter().map(|role| role.key).find(|_| roles.len() == 1);
    if default == Some(role) {
        let message = "A membership always has a role, and this is the default one. Give it another role in its place.";
        return Err(Error::forbidden("last_role_is_default", message));
    }
    store::role_assignments::delete_on_root(tx, organization_id, *subject, &[role]).await?;
    if let Some(default) = default {
        let (new, now) = (tx.mint(), tx.now());
        store::role_assignments::insert_on_root(tx, organization_id, *subject, (&[new], &[default]), now).await?;
    }
    organization_memberships::roles_changed(tx, &[*subject]).await
}
