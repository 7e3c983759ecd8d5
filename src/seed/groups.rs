//! Groups of a seed, with their members.

use super::Report;
use super::fault::{At as _, found};
use super::permissions::differs;
use super::shape;
use crate::db::Tx;
use crate::domain::groups::{self, Change, Create, Update};
use crate::kernel::id::{OrganizationId, OrganizationMembershipId};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::groups::Group;
use crate::model::organizations::Organization;
use crate::store;

/// Makes or changes the groups of an organization; as they are then, one for each entry. Its memberships are there by now.
pub(super) async fn settle(
    tx: &mut Tx,
    entry: &shape::Organization,
    organization: &Organization,
    report: &mut Report,
) -> Result<Vec<Group>> {
    let mut settled = Vec::new();
    for entry in entry.groups.as_deref().unwrap_or_default() {
        let current = find(tx, &organization.id, entry).await?;
        let group = one(tx, &organization.id, entry, current.as_ref()).await.within(entry.at.as_str())?;
        let joined = join(tx, &organization.id, entry, &group).await?;
        let name = format!("{} in {}", group.name, organization.name);
        match current {
            None => report.created("group", name),
            Some(current) => report.updated(joined || group != current, "group", name),
        }
        settled.push(group);
    }
    Ok(settled)
}

/// The group that the file means: the one of its id, or else of its name.
async fn find(tx: &mut Tx, organization: &OrganizationId, entry: &shape::Group) -> Result<Option<Group>> {
    if let Some(id) = &entry.id
        && let Some(group) = found(store::groups::get(tx, organization, id).await)?
    {
        return Ok(Some(group));
    }
    let mut named = store::groups::list_by_name(tx, organization, entry.name.trim()).await?;
    // Names need not be unique: with an id of its own it is another one.
    named.retain(|_| entry.id.is_none());
    if named.len() > 1 {
        let message = format!("several groups are called '{}': give the id of the one meant.", entry.name);
        return Err(Error::field(entry.at.field("name"), "ambiguous", message));
    }
    Ok(named.pop())
}

async fn one(
    tx: &mut Tx,
    organization: &OrganizationId,
    entry: &shape::Group,
    current: Option<&Group>,
) -> Result<Group> {
    let (name, description) = (entry.name.clone(), entry.description.clone());
    let Some(current) = current else {
        return groups::create(tx, organization, Create { id: entry.id.clone(), name, description }).await;
    };
    differs(entry.id.as_ref(), &current.id, false)?;
    let input = Update { name: Some(name), description: description.map_or(Patch::Absent, Patch::Value) };
    groups::update(tx, organization, &current.id, input).await
}

/// Puts the members of the file into the group, beside those who are in it; whether that changed anything.
async fn join(tx: &mut Tx, organization: &OrganizationId, entry: &shape::Group, group: &Group) -> Result<bool> {
    let there = store::groups::list_member_ids(tx, group.subject).await?;
    let mut add = Vec::new();
    for (i, email) in entry.members.as_deref().unwrap_or_default().iter().enumerate() {
        let place = entry.at.field(&format!("members[{i}]"));
        let membership = membership(tx, organization, email, &place).await?;
        if there.binary_search(&membership).is_err() {
            add.push(membership);
        }
    }
    if add.is_empty() {
        return Ok(false);
    }
    let change = Change { add, remove: Vec::new() };
    groups::change_members(tx, organization, &group.id, &change).await.at(&entry.at.field("members"))?;
    Ok(true)
}

async fn membership(
    tx: &mut Tx,
    organization: &OrganizationId,
    email: &str,
    place: &str,
) -> Result<OrganizationMembershipId> {
    if let Some(user) = store::users::find_by_email(tx, email).await?
        && let Some(membership) = store::organization_memberships::find_of(tx, &user.id, organization).await?
    {
        return Ok(membership.id);
    }
    let message = format!("'{email}' has no membership in the organization, neither in the file nor on the server.");
    Err(Error::field(place, "entity_not_found", message))
}
