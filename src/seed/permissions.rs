//! Permissions of a seed.

use super::Report;
use super::fault::{At as _, found};
use super::shape;
use crate::db::Tx;
use crate::domain::permissions::{self, Create, Update};
use crate::kernel::id::{Id, Kind};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::permissions::Permission;
use crate::store;

/// Makes or changes the permissions.
pub(super) async fn settle(
    tx: &mut Tx,
    entries: &[shape::Permission],
    untouched: bool,
    report: &mut Report,
) -> Result<()> {
    for entry in entries {
        match found(store::permissions::get(tx, &entry.slug).await)? {
            Some(current) => {
                if differs(entry.id.as_ref(), &current.id, untouched).at(&entry.at.field("id"))?
                    && let Some(id) = &entry.id
                {
                    permissions::set_id(tx, &current.slug, id).await.at(&entry.at.field("id"))?;
                }
                update(tx, &current, entry, report).await.within(entry.at.as_str())?;
            }
            None => {
                let input = Create {
                    id: entry.id.clone(),
                    slug: entry.slug.clone(),
                    name: entry.name.clone(),
                    description: entry.description.clone(),
                    resource_type_slug: entry.resource_type().map(str::to_owned),
                };
                let made = permissions::create(tx, input).await.within(entry.at.as_str())?;
                report.created("permission", made.slug);
            }
        }
    }
    Ok(())
}

async fn update(tx: &mut Tx, current: &Permission, entry: &shape::Permission, report: &mut Report) -> Result<()> {
    check_type(entry.resource_type(), &current.resource_type_slug)?;
    let same = current.name == entry.name.trim()
        && entry.description.as_ref().is_none_or(|wanted| current.description.as_ref() == Some(wanted));
    // One of the server's own may be named in a file, as long as nothing about it is to be changed.
    if same {
        return Ok(());
    }
    let description = entry.description.clone().map_or(Patch::Absent, Patch::Value);
    let input = Update { name: Some(entry.name.clone()), description };
    let changed = permissions::update(tx, &current.slug, input).await?;
    report.updated(changed != *current, "permission", changed.slug);
    Ok(())
}

/// Whether what was made with its environment is to have this id instead of its own, as it may while nobody has seen it.
/// Later an id does not change.
pub(super) fn differs<K: Kind>(wanted: Option<&Id<K>>, current: &Id<K>, untouched: bool) -> Result<bool> {
    match wanted {
        None => Ok(false),
        Some(wanted) if wanted == current => Ok(false),
        Some(_) if untouched => Ok(true),
        Some(_) => {
            let message = format!("it exists with the id {current}, and an id does not change.");
            Err(Error::field("id", "id_differs", message))
        }
    }
}

/// The type of resources of a permission or a role does not change.
pub(super) fn check_type(wanted: Option<&str>, current: &str) -> Result<()> {
    if wanted.is_none_or(|wanted| wanted == current) {
        return Ok(());
    }
    let message = format!("it exists for the resource type '{current}', and that does not change.");
    Err(Error::field("resource_type_slug", "invalid_value", message))
}
