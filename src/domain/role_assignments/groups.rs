//! Roles that are given to a group and taken from it, on whatever resource of its organization.
//!
//! Each member has what the group has, from the moment in which it is in it and until it leaves: nothing is written for
//! it. A group's role on the organization as a whole is no role of the memberships, so nothing announces itself.

use std::collections::HashSet;

use super::{fitting, limit_exceeded};
use crate::db::Tx;
use crate::kernel::error::Kind;
use crate::kernel::id::{GroupId, GroupRoleAssignmentId, OrganizationId};
use crate::kernel::{Error, Result};
use crate::model::groups::Group;
use crate::model::keys::{ResourceKey, RoleKey};
use crate::model::organization_memberships::RoleReference;
use crate::model::resources::ResourceTarget;
use crate::model::role_assignments::GroupRoleAssignment;
use crate::model::roles::Role;
use crate::store;
use crate::store::role_assignments::targets::{self, Target};
use crate::store::role_assignments::{Held, New, lists};

/// A group has at most that many assignments: its members' decisions and lists look at all that it has.
pub const MOST: i64 = 1000;

/// A role on a resource, as a request names it.
#[derive(Debug)]
pub struct Entry {
    /// The slug of the role.
    pub role_slug: String,
    /// The resource; the organization itself if none is named.
    pub target: Option<ResourceTarget>,
}

/// What an entry means.
type Pair = (RoleKey, ResourceKey);

/// What entries name, as far as it is there.
struct Named {
    roles: Vec<Role>,
    targets: Vec<Option<Target>>,
}

impl Named {
    /// Holds the roles, and finds the resources, that these entries name.
    async fn hold(tx: &mut Tx, organization: &OrganizationId, entries: &[&Entry]) -> Result<Self> {
        let slugs: HashSet<_> = entries.iter().map(|entry| entry.role_slug.clone()).collect();
        let slugs: Vec<_> = slugs.into_iter().collect();
        let roles = store::roles::hold_of_organization(tx, organization, &slugs).await?;
        let named: Vec<_> = entries.iter().map(|entry| entry.target.as_ref()).collect();
        let targets = targets::find_all(tx, organization, &named).await?;
        Ok(Self { roles, targets })
    }

    /// What the entry in this place means, which must be something that a group can have.
    fn get(&self, place: usize, entry: &Entry) -> Result<(&Role, &Target)> {
        let target = self.targets.get(place).and_then(Option::as_ref).ok_or_else(|| match &entry.target {
            Some(target) => targets::missing(target),
            None => Error::internal("the organization has no root"),
        })?;
        Ok((fitting(&self.roles, &entry.role_slug, target)?, target))
    }

    /// What these entries, which begin in this place, mean; each of them once.
    fn all(&self, first: usize, entries: &[Entry]) -> Result<Vec<Pair>> {
        let mut pairs = Vec::with_capacity(entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let (role, target) = self.get(first + i, entry)?;
            if !pairs.contains(&(role.key, target.key)) {
                pairs.push((role.key, target.key));
            }
        }
        Ok(pairs)
    }

    /// What the entry in this place means, if there is such a role and such a resource.
    fn find(&self, place: usize, entry: &Entry) -> Option<Pair> {
        let role = self.roles.iter().find(|role| role.slug == entry.role_slug)?;
        Some((role.key, self.targets.get(place)?.as_ref()?.key))
    }
}

/// The group, with its organization held against deletion.
async fn hold_organization(tx: &mut Tx, id: &GroupId) -> Result<Group> {
    let group = store::groups::get_by_id(tx, id).await?;
    if store::organizations::hold(tx, &group.organization_id).await? { Ok(group) } else { Err(Error::missing(id)) }
}

/// The same for a change that may touch several resources: the tree is shared, so that nobody deletes some of them and
/// waits for others meanwhile.
async fn hold_tree(tx: &mut Tx, id: &GroupId) -> Result<Group> {
    let group = store::groups::get_by_id(tx, id).await?;
    // While types are edited it cannot be had, and does without: then nothing is moved or deleted either.
    match store::resources::tree::share(tx, &group.organization_id).await {
        Err(error) if error.kind() == Kind::Missing => Err(Error::missing(id)),
        held => held.map(|_| group),
    }
}

/// Holds the group as long as its roles are changed.
async fn lock(tx: &mut Tx, group: &Group) -> Result<()> {
    if store::groups::lock_roles(tx, &group.id).await? { Ok(()) } else { Err(Error::missing(&group.id)) }
}

/// Gives a group a role that it does not have yet.
pub async fn create(tx: &mut Tx, id: &GroupId, entry: &Entry) -> Result<GroupRoleAssignment> {
    let group = hold_organization(tx, id).await?;
    let named = Named::hold(tx, &group.organization_id, &[entry]).await?;
    let (role, target) = named.get(0, entry)?;
    lock(tx, &group).await?;
    if store::role_assignments::find(tx, group.subject, (role.key, target.key)).await?.is_some() {
        let message =
            format!("The assignment of the role '{}' to this group on this resource already exists.", role.slug);
        return Err(Error::conflict("duplicate_group_role_assignment", message));
    }
    if store::role_assignments::has_at_least(tx, group.subject, MOST).await? {
        return Err(full());
    }
    let made = insert(tx, &group, &[(role.key, target.key)]).await?;
    Ok(GroupRoleAssignment {
        id: made.into_iter().next().ok_or_else(|| Error::internal("nothing was inserted"))?,
        group_id: group.id,
        role: RoleReference { slug: role.slug.clone() },
        resource: target.resource.clone(),
        created_at: tx.now(),
        updated_at: tx.now(),
    })
}

fn full() -> Error {
    limit_exceeded(format!("A group can have at most {MOST} role assignments."))
}

/// Writes what a group that is locked did not have yet.
async fn insert(tx: &mut Tx, group: &Group, pairs: &[Pair]) -> Result<Vec<GroupRoleAssignmentId>> {
    let ids: Vec<GroupRoleAssignmentId> = pairs.iter().map(|_| tx.mint()).collect();
    let subject = group.subject;
    let new = |(id, &(role, resource))| New { id: GroupRoleAssignmentId::as_str(id), subject, role, resource };
    let new: Vec<_> = ids.iter().zip(pairs).map(new).collect();
    let now = tx.now();
    store::role_assignments::insert(tx, &group.organization_id, &new, now).await?;
    Ok(ids)
}

/// Makes these everything that a group has, newest first. What it had and has again stays as it is.
pub async fn replace(tx: &mut Tx, id: &GroupId, entries: &[Entry]) -> Result<Vec<GroupRoleAssignment>> {
    let group = hold_tree(tx, id).await?;
    let named = Named::hold(tx, &group.organization_id, &entries.iter().collect::<Vec<_>>()).await?;
    let wanted = named.all(0, entries)?;
    lock(tx, &group).await?;
    let current = store::role_assignments::lock_all(tx, group.subject).await?;
    let (kept, gone): (Vec<_>, Vec<_>) = current.into_iter().partition(|held| wanted.contains(&pair(held)));
    delete(tx, &group, &gone).await?;
    let kept: HashSet<_> = kept.iter().map(pair).collect();
    let new: Vec<_> = wanted.into_iter().filter(|pair| !kept.contains(pair)).collect();
    insert(tx, &group, &new).await?;
    lists::all_of_group(tx, &group).await
}

fn pair(held: &Held) -> Pair {
    (held.role, held.resource)
}

async fn delete(tx: &mut Tx, group: &Group, held: &[Held]) -> Result<u64> {
    let ids: Vec<_> = held.iter().map(|held| held.id.as_str()).collect();
    store::role_assignments::delete(tx, group.subject, &ids).await
}

/// Gives a group roles and takes others from it: all of it, or nothing. What it has already, or does not have, is passed
/// over, so that the same change may come twice.
pub async fn change(tx: &mut Tx, id: &GroupId, add: &[Entry], remove: &[Entry]) -> Result<()> {
    let group = hold_tree(tx, id).await?;
    let named = Named::hold(tx, &group.organization_id, &add.iter().chain(remove).collect::<Vec<_>>()).await?;
    let added = named.all(0, add)?;
    let removed: Vec<_> = remove.iter().enumerate().map(|(i, entry)| named.find(add.len() + i, entry)).collect();
    // Compared by what they mean: a resource goes by two names.
    if let Some(place) = removed.iter().position(|pair| pair.is_some_and(|pair| added.contains(&pair))) {
        let message = "A role assignment is in both add and remove.";
        return Err(Error::field(format!("remove[{place}]"), "mutually_exclusive", message));
    }
    lock(tx, &group).await?;
    let current = store::role_assignments::lock_all(tx, group.subject).await?;
    let (gone, kept): (Vec<_>, Vec<_>) = current.into_iter().partition(|held| removed.contains(&Some(pair(held))));
    delete(tx, &group, &gone).await?;
    let kept: HashSet<_> = kept.iter().map(pair).collect();
    let new: Vec<_> = added.into_iter().filter(|pair| !kept.contains(pair)).collect();
    if i64::try_from(kept.len() + new.len()).is_ok_and(|all| all > MOST) {
        return Err(full());
    }
    insert(tx, &group, &new).await.map(drop)
}

/// Takes from a group the role on the resource that this names.
pub async fn remove_matching(tx: &mut Tx, id: &GroupId, entry: &Entry) -> Result<()> {
    let group = store::groups::get_by_id(tx, id).await?;
    let named = Named::hold(tx, &group.organization_id, &[entry]).await?;
    let held = match named.find(0, entry) {
        Some(pair) => store::role_assignments::find(tx, group.subject, pair).await?,
        None => None,
    };
    let missing = || Error::missing_named("Group role assignment", &entry.role_slug);
    if delete(tx, &group, &[held.ok_or_else(missing)?]).await? > 0 { Ok(()) } else { Err(missing()) }
}

/// Takes from a group what it has by this assignment.
pub async fn remove(tx: &mut Tx, id: &GroupId, assignment: &GroupRoleAssignmentId) -> Result<()> {
    let group = store::groups::get_by_id(tx, id).await?;
    let gone = store::role_assignments::delete(tx, group.subject, &[assignment.as_str()]).await?;
    if gone > 0 { Ok(()) } else { Err(Error::missing(assignment)) }
}
