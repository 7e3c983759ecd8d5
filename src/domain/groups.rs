//! Groups: several memberships of an organization under one name, which can be given roles together.
//!
//! Whoever touches members holds the organization, then the memberships, then the group. A membership may be in a group
//! whatever its status: one that rests keeps its groups, as it keeps its roles, and neither counts meanwhile.

use super::role_assignments;
use crate::db::Tx;
use crate::kernel::id::{GroupId, OrganizationId, OrganizationMembershipId};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::groups::{Belonging, Group};
use crate::model::keys::SubjectKey;
use crate::store;
use crate::store::groups::{Candidate, New};

/// A membership is in at most that many groups: each decision about it looks at all of them.
pub const MOST_GROUPS: i64 = 200;

/// What a new group is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<GroupId>,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
}

/// What an update of a group changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Patch<String>,
}

/// What changes among the members of a group.
#[derive(Debug, Default)]
pub struct Change {
    /// Who comes in.
    pub add: Vec<OrganizationMembershipId>,
    /// Who goes out.
    pub remove: Vec<OrganizationMembershipId>,
}

/// Makes a group of an organization, with nobody in it yet.
pub async fn create(tx: &mut Tx, organization: &OrganizationId, input: Create) -> Result<Group> {
    let Create { id, name, description } = input;
    hold(tx, organization).await?;
    let id = id.unwrap_or_else(|| tx.mint());
    let description = description.as_deref();
    let new = New { id: &id, organization_id: organization, name: name.trim(), description };
    let now = tx.now();
    let group = store::groups::insert(tx, new, now).await?;
    tx.emit(group.created())?;
    Ok(group)
}

/// The organization, which cannot be deleted until the transaction ends.
async fn hold(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    if store::organizations::hold(tx, organization).await? { Ok(()) } else { Err(Error::missing(organization)) }
}

/// Changes a group. A change that changes nothing is no event and leaves `updated_at` alone.
pub async fn update(tx: &mut Tx, organization: &OrganizationId, id: &GroupId, input: Update) -> Result<Group> {
    let Update { name, description } = input;
    let current = store::groups::lock(tx, organization, id).await?;
    let mut group = current.clone();
    if let Some(name) = name {
        group.name = name.trim().to_owned();
    }
    group.description = description.or(group.description);
    if group != current {
        group.updated_at = tx.now();
        store::groups::update(tx, &group).await?;
        tx.emit(group.updated())?;
    }
    Ok(group)
}

/// Deletes a group. That its members leave it is not told for each: the group is gone.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: &GroupId) -> Result<()> {
    let group = store::groups::lock(tx, organization, id).await?;
    remove(tx, &[group]).await
}

/// Deletes the groups of an organization that is being deleted. The caller holds it and its memberships, so nothing can be
/// added.
pub async fn delete_all_of_organization(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    let groups = store::groups::lock_all(tx, organization).await?;
    remove(tx, &groups).await
}

/// Removes groups that are locked.
async fn remove(tx: &mut Tx, groups: &[Group]) -> Result<()> {
    let subjects: Vec<_> = groups.iter().map(|group| group.subject).collect();
    let ids: Vec<_> = groups.iter().map(|group| &group.id).collect();
    role_assignments::remove_all_of_subjects(tx, &subjects).await?;
    store::groups::delete(tx, &ids).await?;
    groups.iter().try_for_each(|group| tx.emit(group.deleted()))
}

/// Puts memberships of its organization into a group, and takes others out of it: all of it, or nothing.
///
/// Who is in it already, or is not in it, is passed over, so that the same change may come twice.
pub async fn change_members(
    tx: &mut Tx,
    organization: &OrganizationId,
    id: &GroupId,
    change: &Change,
) -> Result<Group> {
    hold(tx, organization).await?;
    let named: Vec<_> = change.add.iter().chain(&change.remove).collect();
    let candidates = store::groups::lock_candidates(tx, &named).await?;
    let group = store::groups::hold(tx, organization, id).await?;
    let add = admitted(&change.add, &candidates, organization)?;
    let remove: Vec<_> =
        candidates.iter().filter(|one| change.remove.contains(&one.id)).map(|one| one.subject).collect();
    let now = tx.now();
    for organization_membership_id in store::groups::insert_members(tx, group.subject, &add, now).await? {
        tx.emit(belonging(&group, organization_membership_id).added())?;
    }
    for organization_membership_id in store::groups::delete_members(tx, group.subject, &remove).await? {
        tx.emit(belonging(&group, organization_membership_id).removed())?;
    }
    if store::groups::is_any_in_more_than(tx, &add, MOST_GROUPS).await? {
        let message = format!("An organization membership can be in at most {MOST_GROUPS} groups.");
        return Err(Error::refused("group_membership_limit_exceeded", message));
    }
    Ok(group)
}

/// Those who come in: each must be there, and in the organization of the group.
fn admitted(
    add: &[OrganizationMembershipId],
    candidates: &[Candidate],
    organization: &OrganizationId,
) -> Result<Vec<SubjectKey>> {
    let mut subjects = Vec::with_capacity(add.len());
    for id in add {
        let one = candidates.iter().find(|one| one.id == *id).ok_or_else(|| Error::missing(id))?;
        if one.organization_id != *organization {
            let message = format!("The organization membership '{id}' belongs to another organization.");
            return Err(Error::unprocessable("organization_membership_of_another_organization", message));
        }
        subjects.push(one.subject);
    }
    Ok(subjects)
}

/// Takes a membership out of a group in which it is.
pub async fn remove_member(
    tx: &mut Tx,
    organization: &OrganizationId,
    id: &GroupId,
    membership: &OrganizationMembershipId,
) -> Result<()> {
    hold(tx, organization).await?;
    let candidates = store::groups::lock_candidates(tx, &[membership]).await?;
    let group = store::groups::hold(tx, organization, id).await?;
    let subjects: Vec<_> = candidates.iter().map(|one| one.subject).collect();
    let gone = store::groups::delete_members(tx, group.subject, &subjects).await?;
    if gone.is_empty() {
        return Err(Error::missing_named("Group member", membership.as_str()));
    }
    gone.into_iter().try_for_each(|id| tx.emit(belonging(&group, id).removed()))
}

/// Takes memberships that are being deleted out of every group. The caller holds them.
pub async fn remove_from_all(tx: &mut Tx, members: &[SubjectKey]) -> Result<()> {
    let gone = store::groups::delete_of_members(tx, members).await?;
    gone.iter().try_for_each(|belonging| tx.emit(belonging.removed()))
}

fn belonging(group: &Group, organization_membership_id: OrganizationMembershipId) -> Belonging {
    Belonging { group_id: group.id.clone(), organization_membership_id, organization_id: group.organization_id.clone() }
}
