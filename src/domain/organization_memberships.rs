//! Organization memberships: who takes part in which organization, and with which roles.
//!
//! The roles of a membership are role assignments on the root of the organization's tree, so what is shown here and
//! what is checked are the same rows; see [`role_assignments`].

use super::{api_keys, groups, invitations, role_assignments, sessions};
use crate::db::Tx;
use crate::kernel::error::FieldFault;
use crate::kernel::id::{OrganizationId, OrganizationMembershipId, UserId};
use crate::kernel::{Error, Result};
use crate::model::keys::{RoleKey, SubjectKey};
use crate::model::organization_memberships::{OrganizationMembership, RoleReference, Status};
use crate::model::roles::Role;
use crate::store;
use crate::store::organization_memberships::{New, Owner};

/// What a new membership is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<OrganizationMembershipId>,
    /// The user.
    pub user_id: UserId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Whether the user takes part from the beginning.
    pub status: Status,
    /// The slugs of its roles; none means the default role of the organization.
    pub roles: Vec<String>,
    /// Whether the environment lets it have several.
    pub multiple_roles: bool,
}

/// Makes a user a member of an organization.
///
/// Somebody who was a member and is inactive becomes one again, with the roles given now: those of before, which may
/// have been more, are not brought back by an application that does not name them.
pub async fn create(tx: &mut Tx, input: Create) -> Result<OrganizationMembership> {
    let Create { id, user_id, organization_id, status, roles, multiple_roles } = input;
    // Everybody holds the organization first, then roles, then memberships, so that nobody waits in a circle.
    if !store::organizations::hold(tx, &organization_id).await? {
        return Err(Error::missing(&organization_id));
    }
    let id = id.unwrap_or_else(|| tx.mint());
    let new = New { id: &id, user_id: &user_id, organization_id: &organization_id, status };
    let now = tx.now();
    let subject = store::organization_memberships::insert(tx, new, now).await?;
    let roles = role_assignments::resolve(tx, &organization_id, &roles, multiple_roles).await?;
    let Some(subject) = subject else {
        return revive(tx, &user_id, &organization_id, status, &roles).await;
    };
    role_assignments::set_membership_roles(tx, &organization_id, subject, &roles).await?;
    let membership = store::organization_memberships::get(tx, &id).await?;
    tx.emit(membership.created())?;
    Ok(membership)
}

/// Makes an inactive membership one of this status, with these roles. Others stand in the way of a new one.
async fn revive(
    tx: &mut Tx,
    user: &UserId,
    organization: &OrganizationId,
    status: Status,
    roles: &[Role],
) -> Result<OrganizationMembership> {
    // It was there a moment ago. If it has gone since, the same request succeeds when it is sent again.
    let mut membership = store::organization_memberships::lock_of(tx, user, organization)
        .await?
        .ok_or_else(|| Error::unavailable("the membership was deleted while it was created again"))?;
    match membership.status {
        Status::Active => Err(already_exists()),
        Status::Pending => Err(Error::refused(
            "cannot_reactivate_pending_organization_membership",
            "A pending organization membership of this user in this organization already exists. The user needs to \
             accept the invitation instead.",
        )),
        Status::Inactive => {
            role_assignments::set_membership_roles(tx, organization, membership.subject, roles).await?;
            membership.status = status;
            membership.roles = references(roles);
            changed(tx, membership).await
        }
    }
}

/// The API names no code of its own for this, so it is a fault of the fields that name the pair.
fn already_exists() -> Error {
    let message = "An organization membership of this user in this organization already exists.";
    let fault = FieldFault {
        field: Some("user_id".to_owned()),
        code: "organization_membership_already_exists",
        message: message.into(),
    };
    Error::unprocessable("invalid_request_parameters", message).with_faults(vec![fault])
}

/// Gives a membership these roles, instead of those that it has.
pub async fn update(
    tx: &mut Tx,
    id: &OrganizationMembershipId,
    roles: &[String],
    multiple_roles: bool,
) -> Result<OrganizationMembership> {
    // Which organization it is never changes; it is held before roles, and roles before memberships.
    let organization = store::organization_memberships::get(tx, id).await?.organization_id;
    if !store::organizations::hold(tx, &organization).await? {
        return Err(Error::missing(id));
    }
    let roles = role_assignments::resolve(tx, &organization, roles, multiple_roles).await?;
    let mut membership = store::organization_memberships::lock(tx, id).await?;
    if !role_assignments::set_membership_roles(tx, &organization, membership.subject, &roles).await? {
        return Ok(membership);
    }
    membership.roles = references(&roles);
    changed(tx, membership).await
}

/// Ends a user's part in an organization, and keeps what is needed to take it up again.
pub async fn deactivate(tx: &mut Tx, id: &OrganizationMembershipId) -> Result<OrganizationMembership> {
    let mut membership = store::organization_memberships::lock(tx, id).await?;
    match membership.status {
        Status::Inactive => Ok(membership),
        Status::Pending => Err(Error::refused(
            "cannot_deactivate_pending_organization_membership",
            "A pending organization membership cannot be deactivated. This membership should be deleted instead.",
        )),
        Status::Active => {
            membership.status = Status::Inactive;
            let membership = changed(tx, membership).await?;
            sessions::revoke_all_of_membership(tx, &membership.user_id, &membership.organization_id).await?;
            Ok(membership)
        }
    }
}

/// Lets a user take part again, with the roles that they had.
pub async fn reactivate(tx: &mut Tx, id: &OrganizationMembershipId) -> Result<OrganizationMembership> {
    let mut membership = store::organization_memberships::lock(tx, id).await?;
    match membership.status {
        Status::Active => Ok(membership),
        Status::Pending => Err(Error::refused(
            "cannot_reactivate_pending_organization_membership",
            "A pending organization membership cannot be reactivated. The user needs to accept the invitation instead.",
        )),
        Status::Inactive => {
            membership.status = Status::Active;
            changed(tx, membership).await
        }
    }
}

/// Makes a user who was invited an active member, whatever they were before. The caller holds the organization. They
/// keep the roles that their pending membership has by now; without one they get this role, or the default one where
/// it is no more.
pub async fn accept(tx: &mut Tx, user: &UserId, organization: &OrganizationId, role: Option<&str>) -> Result<()> {
    let slugs: Vec<_> = role.into_iter().map(str::to_owned).collect();
    let is_known = role_assignments::resolve(tx, organization, &slugs, false).await.is_ok();
    let current = store::organization_memberships::lock_of(tx, user, organization).await?;
    match current {
        Some(membership) if membership.status == Status::Active => Ok(()),
        Some(mut membership) if membership.status == Status::Pending => {
            membership.status = Status::Active;
            changed(tx, membership).await.map(drop)
        }
        Some(_) | None => {
            let input = Create {
                id: None,
                user_id: user.clone(),
                organization_id: organization.clone(),
                status: Status::Active,
                roles: if is_known { slugs } else { Vec::new() },
                multiple_roles: false,
            };
            create(tx, input).await.map(drop)
        }
    }
}

/// Deletes a membership, with everything that the user may do by it: it leaves its groups, and the user's API keys for
/// this organization are revoked.
pub async fn delete(tx: &mut Tx, id: &OrganizationMembershipId) -> Result<()> {
    let membership = store::organization_memberships::lock(tx, id).await?;
    groups::remove_from_all(tx, &[membership.subject]).await?;
    sessions::revoke_all_of_membership(tx, &membership.user_id, &membership.organization_id).await?;
    remove(tx, &[membership]).await
}

/// Deletes the memberships of a user who is being deleted, and ends all their sessions. The caller holds the user, so
/// none can be added.
pub async fn delete_all_of_user(tx: &mut Tx, user: &UserId) -> Result<()> {
    delete_all(tx, Owner::User(user)).await
}

/// Deletes the memberships in an organization that is being deleted, with its groups, and ends the sessions that speak for
/// it. The caller holds the organization, so none can be added. Here and not there, because groups are locked after
/// memberships.
pub async fn delete_all_of_organization(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    delete_all(tx, Owner::Organization(organization)).await
}

async fn delete_all(tx: &mut Tx, owner: Owner<'_>) -> Result<()> {
    let memberships = store::organization_memberships::lock_all(tx, owner).await?;
    match owner {
        Owner::User(user) => {
            let subjects: Vec<_> = memberships.iter().map(|membership| membership.subject).collect();
            groups::remove_from_all(tx, &subjects).await?;
            sessions::revoke_all_of_user(tx, user).await?;
        }
        Owner::Organization(organization) => {
            groups::delete_all_of_organization(tx, organization).await?;
            sessions::revoke_all_of_organization(tx, organization).await?;
        }
    }
    remove(tx, &memberships).await
}

/// Removes memberships that are locked.
async fn remove(tx: &mut Tx, memberships: &[OrganizationMembership]) -> Result<()> {
    invitations::revoke_all_of_memberships(tx, memberships).await?;
    let subjects: Vec<_> = memberships.iter().map(|membership| membership.subject).collect();
    let ids: Vec<_> = memberships.iter().map(|membership| &membership.id).collect();
    role_assignments::remove_all_of_subjects(tx, &subjects).await?;
    api_keys::delete_all_of_memberships(tx, memberships).await?;
    store::organization_memberships::delete(tx, &ids).await?;
    memberships.iter().try_for_each(|membership| tx.emit(membership.deleted()))
}

/// Takes a role that is being deleted from everybody who has it. Who is left without any gets the default role of the
/// organization, for every membership has one. The caller holds the role, so nobody can be given it meanwhile, and the
/// organizations.
pub async fn lose_role(tx: &mut Tx, role: RoleKey) -> Result<()> {
    store::organization_memberships::lock_having(tx, role).await?;
    let subjects = store::role_assignments::delete_of_role(tx, role).await?;
    let ids: Vec<_> = subjects.iter().map(|_| tx.mint()).collect();
    let now = tx.now();
    store::role_assignments::insert_defaults(tx, (&ids, &subjects), now).await?;
    roles_changed(tx, &subjects).await
}

/// Leaves every membership only the highest of its roles, for an environment in which they may have several no longer.
pub async fn keep_highest_role(tx: &mut Tx) -> Result<()> {
    store::organization_memberships::lock_having_several_roles(tx).await?;
    let subjects = store::role_assignments::delete_lower(tx).await?;
    roles_changed(tx, &subjects).await
}

/// The roles of these subjects in their organization were changed, and their memberships are locked.
pub(super) async fn roles_changed(tx: &mut Tx, subjects: &[SubjectKey]) -> Result<()> {
    let now = tx.now();
    store::organization_memberships::touch(tx, subjects, now).await?;
    let memberships = store::organization_memberships::list_of_subjects(tx, subjects).await?;
    memberships.iter().try_for_each(|membership| tx.emit(membership.updated()))
}

async fn changed(tx: &mut Tx, mut membership: OrganizationMembership) -> Result<OrganizationMembership> {
    membership.updated_at = tx.now();
    store::organization_memberships::update(tx, &membership).await?;
    tx.emit(membership.updated())?;
    Ok(membership)
}

fn references(roles: &[Role]) -> Vec<RoleReference> {
    roles.iter().map(|role| RoleReference { slug: role.slug.clone() }).collect()
}
