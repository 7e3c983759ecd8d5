//! Roles of a seed, with their permissions, the default one, and their order.

use super::Report;
use super::fault::{At as _, found};
use super::permissions::{check_type, differs};
use super::shape;
use crate::db::Tx;
use crate::domain::roles::{self, Create, Update};
use crate::kernel::id::OrganizationId;
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::organizations::Organization;
use crate::model::roles::Role;
use crate::store;

/// Makes or changes the roles of the environment.
pub(super) async fn settle_of_environment(
    tx: &mut Tx,
    entries: &[shape::Role],
    untouched: bool,
    report: &mut Report,
) -> Result<()> {
    let own: Vec<_> = entries.iter().filter(|entry| entry.organization_id.is_none()).collect();
    for entry in &own {
        let Some(current) = find(tx, None, &entry.slug).await? else { continue };
        if differs(entry.id.as_ref(), &current.id, untouched).at(&entry.at.field("id"))?
            && let Some(id) = &entry.id
        {
            roles::set_id(tx, &entry.slug, id).await.at(&entry.at.field("id"))?;
        }
    }
    settle(tx, None, &own, report).await
}

/// Makes or changes the roles of organizations, which must be there.
pub(super) async fn settle_of_organizations(tx: &mut Tx, entries: &[shape::Role], report: &mut Report) -> Result<()> {
    let mut owners: Vec<_> = entries.iter().filter_map(|entry| entry.organization_id.as_ref()).collect();
    owners.sort_unstable();
    owners.dedup();
    for owner in owners {
        let own: Vec<_> = entries.iter().filter(|entry| entry.organization_id.as_ref() == Some(owner)).collect();
        if let (None, Some(first)) = (store::organizations::find(tx, owner).await?, own.first()) {
            let message = format!("there is no organization {owner}, neither in the file nor in the environment.");
            return Err(Error::field(first.at.field("organization_id"), "entity_not_found", message));
        }
        for entry in &own {
            if let Some(current) = find(tx, Some(owner), &entry.slug).await? {
                differs(entry.id.as_ref(), &current.id, false).at(&entry.at.field("id"))?;
            }
        }
        settle(tx, Some(owner), &own, report).await?;
    }
    Ok(())
}

/// Gives organizations the order of roles and the default role that the file says.
pub(super) async fn settle_orders(
    tx: &mut Tx,
    entries: &[shape::Organization],
    organizations: &[Organization],
    report: &mut Report,
) -> Result<()> {
    for (entry, organization) in entries.iter().zip(organizations) {
        let id = &organization.id;
        if let Some(wanted) = &entry.role_order {
            let current = store::roles::list_of_organization(tx, id).await?;
            if !wanted.iter().eq(current.iter().map(|role| &role.slug)) {
                roles::order::reorder(tx, Some(id), wanted).await.at(&entry.at.field("role_order"))?;
                report.updated(true, "order of roles", wanted.join(", "));
            }
        }
        if let Some(slug) = &entry.default_role {
            let field = entry.at.field("default_role");
            let role = store::roles::get_of_organization(tx, id, slug).await.at(&field)?;
            if store::roles::orders::find_default(tx, id).await? != Some(role.key) {
                roles::order::set_default(tx, Some(id), slug).await.at(&field)?;
                report.updated(true, "default role", slug);
            }
        }
    }
    Ok(())
}

/// The roles of one owner, the environment or an organization.
async fn settle(
    tx: &mut Tx,
    owner: Option<&OrganizationId>,
    entries: &[&shape::Role],
    report: &mut Report,
) -> Result<()> {
    for entry in entries {
        let current = find(tx, owner, &entry.slug).await?;
        let role = one(tx, owner, entry, current.as_ref()).await.within(entry.at.as_str())?;
        let role = permit(tx, owner, entry, role, report).await?;
        match current {
            None => report.created("role", role.slug),
            Some(current) => report.updated(role != current, "role", role.slug),
        }
    }
    for entry in entries.iter().filter(|entry| entry.is_default_role == Some(true)) {
        make_default(tx, owner, entry, report).await?;
    }
    order(tx, owner, entries, report).await
}

/// The role of this owner: not that of the environment, where an organization is the owner.
async fn find(tx: &mut Tx, owner: Option<&OrganizationId>, slug: &str) -> Result<Option<Role>> {
    let role = match owner {
        None => found(store::roles::get(tx, slug).await)?,
        Some(owner) => found(store::roles::get_of_organization(tx, owner, slug).await)?,
    };
    Ok(role.filter(|role| role.organization_id.as_ref() == owner))
}

/// Makes or changes one role, without its permissions.
async fn one(tx: &mut Tx, owner: Option<&OrganizationId>, entry: &shape::Role, current: Option<&Role>) -> Result<Role> {
    if let Some(current) = current {
        check_type(entry.resource_type(), &current.resource_type_slug)?;
        let description = entry.description.clone().map_or(Patch::Absent, Patch::Value);
        let input = Update { name: Some(entry.name.clone()), description };
        return roles::update(tx, owner, &entry.slug, input).await;
    }
    let input = Create {
        id: entry.id.clone(),
        slug: Some(entry.slug.clone()),
        name: entry.name.clone(),
        description: entry.description.clone(),
        resource_type_slug: entry.resource_type().map(str::to_owned),
    };
    match owner {
        None => roles::create(tx, input).await,
        Some(owner) => roles::create_of_organization(tx, owner, input).await,
    }
}

/// Makes these the permissions of the role, if the file says any. The emulator passes over those that do not exist, so
/// a file may name some; a role that permits less than its author thinks is worth a warning.
async fn permit(
    tx: &mut Tx,
    owner: Option<&OrganizationId>,
    entry: &shape::Role,
    role: Role,
    report: &mut Report,
) -> Result<Role> {
    let Some(wanted) = &entry.permissions else { return Ok(role) };
    let mut slugs = Vec::with_capacity(wanted.len());
    for (i, slug) in wanted.iter().enumerate() {
        if found(store::permissions::get(tx, slug).await)?.is_some() {
            slugs.push(slug.clone());
        } else {
            let place = entry.at.field(&format!("permissions[{i}]"));
            report.warn(&place, &format!("there is no permission '{slug}': the role does not have it"));
        }
    }
    let place = entry.at.field("permissions");
    roles::permissions::set(tx, owner, &entry.slug, &slugs).await.at(&place)
}

async fn make_default(
    tx: &mut Tx,
    owner: Option<&OrganizationId>,
    entry: &shape::Role,
    report: &mut Report,
) -> Result<()> {
    let before = match owner {
        None => store::roles::orders::find_default_of_environment(tx).await?,
        Some(owner) => store::roles::orders::find_default(tx, owner).await?,
    };
    let role = find(tx, owner, &entry.slug).await?;
    if role.is_some_and(|role| Some(role.key) == before) {
        return Ok(());
    }
    roles::order::set_default(tx, owner, &entry.slug).await.at(&entry.at.field("is_default_role"))?;
    report.updated(true, "default role", &entry.slug);
    Ok(())
}

/// Puts the roles that say a priority in its order, the lowest number first. They take the places that they have
/// already, so that the others keep theirs.
async fn order(
    tx: &mut Tx,
    owner: Option<&OrganizationId>,
    entries: &[&shape::Role],
    report: &mut Report,
) -> Result<()> {
    let priority = |slug: &str| entries.iter().find(|entry| entry.slug == slug).and_then(|entry| entry.priority);
    let current = match owner {
        None => store::roles::list(tx).await?,
        Some(owner) => store::roles::list_of_organization(tx, owner).await?,
    };
    let current: Vec<_> = current.into_iter().map(|role| role.slug).collect();
    let mut ordered: Vec<_> = current.iter().filter(|slug| priority(slug).is_some()).cloned().collect();
    ordered.sort_by_key(|slug| priority(slug));
    let mut ordered = ordered.into_iter();
    let wanted: Vec<_> = current
        .iter()
        .map(|slug| if priority(slug).is_some() { ordered.next() } else { None }.unwrap_or_else(|| slug.clone()))
        .collect();
    if wanted == current {
        return Ok(());
    }
    roles::order::reorder(tx, owner, &wanted).await?;
    report.updated(true, "order of roles", wanted.join(", "));
    Ok(())
}

/// Makes sure that there are roles of these slugs in an organization, as a file that describes none leaves them to be
/// assumed. A role without permissions allows nothing.
pub(super) async fn assume(
    tx: &mut Tx,
    organization: &OrganizationId,
    slugs: &[String],
    place: &str,
    report: &mut Report,
) -> Result<()> {
    for slug in slugs {
        if found(store::roles::get_of_organization(tx, organization, slug).await)?.is_some() {
            continue;
        }
        let input = Create { slug: Some(slug.clone()), name: slug.clone(), ..Create::default() };
        roles::create(tx, input).await.at(place)?;
        report.created("role", slug);
        report.warn(place, &format!("the role '{slug}' is described nowhere: it was made, without permissions"));
    }
    Ok(())
}
