//! Resources of a seed: the trees of its organizations.

use super::Report;
use super::shape;
use crate::db::Tx;
use crate::domain::resources::many::{self, Outcome, Wanted};
use crate::kernel::Result;
use crate::model::organizations::Organization;

/// Makes, changes and moves the resources of an organization. They may stand in any order.
pub(super) async fn settle(
    tx: &mut Tx,
    entry: &shape::Organization,
    organization: &Organization,
    report: &mut Report,
) -> Result<()> {
    let entries = entry.resources.as_deref().unwrap_or_default();
    if entries.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = entries.iter().map(wanted).collect();
    let outcomes = many::settle(tx, &organization.id, &wanted).await?;
    for (entry, outcome) in entries.iter().zip(outcomes) {
        let name = || format!("{} {} in {}", entry.resource_type_slug, entry.external_id, organization.name);
        match outcome {
            Outcome::Made => report.created("resource", name()),
            Outcome::Changed => report.updated(true, "resource", name()),
            Outcome::Same => {}
        }
    }
    Ok(())
}

fn wanted(entry: &shape::Resource) -> Wanted<'_> {
    Wanted {
        at: entry.at().as_str(),
        id: entry.id.as_ref(),
        resource_type_slug: &entry.resource_type_slug,
        external_id: &entry.external_id,
        name: &entry.name,
        description: entry.description.as_deref(),
        parent: entry.parent(),
    }
}
