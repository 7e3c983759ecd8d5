//! Types of resources of a seed.

use super::Report;
use super::fault::At as _;
use super::shape;
use crate::db::Tx;
use crate::domain::resource_types::{self, Create, Update};
use crate::kernel::Result;
use crate::kernel::patch::Patch;
use crate::store;

/// Makes or changes the types. They may stand in any order: one whose parents are further down waits for them.
pub(super) async fn settle(tx: &mut Tx, entries: &[shape::ResourceType], report: &mut Report) -> Result<()> {
    let mut known: Vec<_> = store::resource_types::list(tx).await?.into_iter().map(|kind| kind.slug).collect();
    let (there, mut waiting): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| known.contains(&entry.slug));
    while !waiting.is_empty() {
        let is_known = |slug: &String, entry: &shape::ResourceType| known.contains(slug) || *slug == entry.slug;
        let ready = waiting.iter().position(|entry| entry.parents().iter().all(|slug| is_known(slug, entry)));
        // Where none is ready, the first tells what it lacks.
        let entry = waiting.remove(ready.unwrap_or_default());
        let input = Create {
            slug: entry.slug.clone(),
            name: entry.name.clone(),
            description: entry.description.clone(),
            parents: entry.parents.clone(),
        };
        let made = resource_types::create(tx, input).await.within(entry.at.as_str())?;
        known.push(made.slug.clone());
        report.created("resource type", made.slug);
    }
    for entry in there {
        let current = store::resource_types::get(tx, &entry.slug).await?;
        let description = entry.description.clone().map_or(Patch::Absent, Patch::Value);
        let input = Update { name: Some(entry.name.clone()), description, parents: entry.parents.clone() };
        let changed = resource_types::update(tx, &entry.slug, input).await.within(entry.at.as_str())?;
        report.updated(changed != current, "resource type", &entry.slug);
    }
    Ok(())
}
