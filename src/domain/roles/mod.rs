//! Roles, of the environment and of organizations: made, changed and deleted. What they permit is in [`permissions`],
//! which one counts more and which one is given by default in [`order`].
//!
//! Whoever locks several things does so in this order, or two requests could wait for one another: the organization,
//! permissions, roles, memberships.

pub mod order;
pub mod permissions;

use super::organization_memberships;
use crate::db::Tx;
use crate::kernel::id::{OrganizationId, RoleId};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::resource_types::ORGANIZATION;
use crate::model::roles::Role;
use crate::store;
use crate::store::roles::New;

/// How the slug of every role of an organization begins, and no other, so that the two kinds never meet.
const ORGANIZATION_PREFIX: &str = "org-";

/// What a new role is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<RoleId>,
    /// The name that programs use. A role of an organization may leave it to be made from the name.
    pub slug: Option<String>,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The type of resources that it is given on: the organization itself, if nothing else is said.
    pub resource_type_slug: Option<String>,
}

/// What an update of a role changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Patch<String>,
}

/// Makes the role `member`, which every environment begins with as its default. No event: nobody can watch an
/// environment that is only being made.
pub async fn seed(tx: &mut Tx) -> Result<()> {
    let input = Create { name: "Member".to_owned(), ..Create::default() };
    let new = New { is_default: true, ..new(tx, None, "member".to_owned(), input) };
    let now = tx.now();
    store::roles::insert(tx, &new, now).await.map(drop)
}

/// Makes a role of the environment, the lowest in its order and in that of every organization.
pub async fn create(tx: &mut Tx, input: Create) -> Result<Role> {
    let slug = input.slug.clone().ok_or_else(|| Error::field("slug", "required", "slug is required."))?;
    if slug.starts_with(ORGANIZATION_PREFIX) {
        let message = format!("slug must not begin with '{ORGANIZATION_PREFIX}': that is for roles of organizations.");
        return Err(Error::field("slug", "invalid_format", message));
    }
    let new = new(tx, None, slug, input);
    let now = tx.now();
    let role = store::roles::insert(tx, &new, now).await?;
    tx.emit(role.created())?;
    Ok(role)
}

/// Makes a role of an organization, the lowest in its order.
///
/// With its first role the organization leaves the environment's order and default: it has its own from then on.
pub async fn create_of_organization(tx: &mut Tx, organization: &OrganizationId, input: Create) -> Result<Role> {
    let slug = match &input.slug {
        Some(slug) if slug.starts_with(ORGANIZATION_PREFIX) => slug.clone(),
        Some(_) => {
            let message = format!("slug must begin with '{ORGANIZATION_PREFIX}'.");
            return Err(Error::field("slug", "invalid_format", message));
        }
        None => derived_slug(&input.name, &tx.random().alphanumeric(SUFFIX)),
    };
    let new = new(tx, Some(organization.clone()), slug, input);
    let now = tx.now();
    store::roles::orders::lock(tx, organization).await?;
    store::roles::orders::complete(tx, organization).await?;
    let role = store::roles::insert(tx, &new, now).await?;
    store::roles::orders::append(tx, organization, role.key).await?;
    tx.emit(role.created())?;
    Ok(role)
}

fn new(tx: &Tx, organization_id: Option<OrganizationId>, slug: String, input: Create) -> New {
    let Create { id, slug: _, name, description, resource_type_slug } = input;
    New {
        id: id.unwrap_or_else(|| tx.mint()),
        organization_id,
        slug,
        name: name.trim().to_owned(),
        description,
        resource_type_slug: resource_type_slug.unwrap_or_else(|| ORGANIZATION.to_owned()),
        is_default: false,
    }
}

/// Characters of the random end of a slug that was made from a name: 36^8 of them, so that two never meet.
const SUFFIX: usize = 8;

/// `org-billing-manager-x7k2p9qa` of `Billing manager`: at most 48 characters, of those that a slug may have.
fn derived_slug(name: &str, random: &str) -> String {
    const ROOM: usize = 48 - ORGANIZATION_PREFIX.len() - 1 - SUFFIX;
    let lower = name.to_lowercase();
    let words: Vec<_> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut stem = words.join("-");
    stem.truncate(ROOM);
    let stem = stem.trim_end_matches('-');
    let separator = if stem.is_empty() { "" } else { "-" };
    format!("{ORGANIZATION_PREFIX}{stem}{separator}{}", random.to_lowercase())
}

/// Gives a role that came with the environment another id: for a seed that pins it, while nobody knows the old one.
pub async fn set_id(tx: &mut Tx, slug: &str, id: &RoleId) -> Result<()> {
    let role = store::roles::lock(tx, None, slug).await?;
    store::roles::set_id(tx, role.key, id).await
}

/// Changes a role of the environment, or of the organization if there is one. A change that changes nothing is no
/// event and leaves `updated_at` alone.
pub async fn update(tx: &mut Tx, organization: Option<&OrganizationId>, slug: &str, input: Update) -> Result<Role> {
    let Update { name, description } = input;
    let current = store::roles::lock(tx, organization, slug).await?;
    let mut role = current.clone();
    if let Some(name) = name {
        role.name = name.trim().to_owned();
    }
    role.description = description.or(role.description);
    if role != current {
        role.updated_at = tx.now();
        store::roles::update(tx, &role).await?;
        tx.emit(role.updated())?;
    }
    Ok(role)
}

/// Deletes a role of an organization that nobody has, so that nobody loses anything by it.
///
/// The default role stays: members who are given no role must get one. Whoever is being given the role at this moment
/// holds it, so that one of the two is refused.
pub async fn delete_of_organization(tx: &mut Tx, organization: &OrganizationId, slug: &str) -> Result<()> {
    let role = store::roles::lock_for_deletion(tx, Some(organization), slug).await?;
    if store::roles::is_assigned(tx, role.key).await? {
        let message = "The role is assigned and cannot be deleted. Remove its assignments first.";
        return Err(Error::conflict("role_has_assignments", message));
    }
    if store::roles::is_assigned_to_group(tx, role.key).await? {
        let message = "The role is assigned to groups and cannot be deleted. Remove those assignments first.";
        return Err(Error::conflict("role_has_group_role_mappings", message));
    }
    if store::roles::orders::find_default(tx, organization).await? == Some(role.key) {
        let message = "The default role of the organization cannot be deleted. Make another role the default first.";
        return Err(Error::refused("bad_request", message));
    }
    store::roles::delete(tx, role.key).await?;
    tx.emit(role.deleted())
}

/// Deletes a role of the environment. Whoever has it loses it, and gets the default role if it was their only one.
///
/// The operator's business: applications cannot, as what it takes away is nowhere in their request. The default role of
/// the environment stays; organizations that had made this one their default have the environment's again.
pub async fn delete(tx: &mut Tx, slug: &str) -> Result<()> {
    let role = store::roles::lock_for_deletion(tx, None, slug).await?;
    if store::roles::orders::find_default_of_environment(tx).await? == Some(role.key) {
        let message = "The default role of the environment cannot be deleted. Make another role the default first.";
        return Err(Error::conflict("role_is_default", message));
    }
    // After the role, against the order of locks: but whoever deletes an organization waits for none of these roles.
    store::roles::orders::hold_organizations(tx, role.key).await?;
    store::roles::orders::delete(tx, role.key).await?;
    organization_memberships::lose_role(tx, role.key).await?;
    store::roles::delete(tx, role.key).await?;
    tx.emit(role.deleted())
}

/// Holds the roles of an organization that is being deleted, until [`delete_all`].
///
/// Apart from the deletion because roles are held before the memberships that have them, and go after them.
pub async fn hold_all(tx: &mut Tx, organization: &OrganizationId) -> Result<Vec<Role>> {
    store::roles::lock_all_for_deletion(tx, organization).await
}

/// Deletes roles that are held and that nobody has any more.
pub async fn delete_all(tx: &mut Tx, roles: &[Role]) -> Result<()> {
    for role in roles {
        store::roles::delete(tx, role.key).await?;
        tx.emit(role.deleted())?;
    }
    Ok(())
}
