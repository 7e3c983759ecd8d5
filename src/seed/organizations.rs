//! Organizations of a seed, with their domains.

use super::Report;
use super::fault::At as _;
use super::shape::{self, DomainState};
use crate::db::Tx;
use crate::domain::organization_domains::{Claim, Pinned};
use crate::domain::organizations::{self, Create, Update};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::organizations::Organization;
use crate::store;

/// Holds the organizations of the file that are there already, in the order of their ids, before anything else is held:
/// as everybody does who changes what belongs to an organization.
pub(super) async fn hold(tx: &mut Tx, entries: &[shape::Organization]) -> Result<()> {
    let mut ids = Vec::new();
    for entry in entries {
        ids.extend(find(tx, entry).await?.map(|organization| organization.id));
    }
    store::organizations::lock_all(tx, &ids.iter().collect::<Vec<_>>()).await
}

/// Makes or changes the organizations; as they are then, one for each entry.
pub(super) async fn settle(
    tx: &mut Tx,
    entries: &[shape::Organization],
    report: &mut Report,
) -> Result<Vec<Organization>> {
    let mut settled = Vec::with_capacity(entries.len());
    for entry in entries {
        settled.push(match find(tx, entry).await? {
            Some(current) => {
                let input = update(&current, entry);
                let changed = organizations::update(tx, &current.id, input).await.within(entry.at.as_str())?;
                report.updated(changed != current, "organization", &changed.name);
                changed
            }
            None => {
                let mut made = organizations::create(tx, create(entry)).await.within(entry.at.as_str())?;
                if entry.stripe_customer_id.is_some() {
                    let input = Update { stripe_customer_id: stripe(entry), ..Update::default() };
                    made = organizations::update(tx, &made.id, input).await.within(entry.at.as_str())?;
                }
                report.created("organization", &made.name);
                made
            }
        });
    }
    Ok(settled)
}

/// The organization that the file means: the one of its id, or else of its external id, or else of its name. A name
/// is not unique, so one that is known by another external id is another organization.
async fn find(tx: &mut Tx, entry: &shape::Organization) -> Result<Option<Organization>> {
    if let Some(id) = &entry.id {
        return store::organizations::find(tx, id).await;
    }
    if let Some(external_id) = &entry.external_id
        && let Some(found) = store::organizations::find_by_external_id(tx, external_id).await?
    {
        return Ok(Some(found));
    }
    let mut named = store::organizations::list_by_name(tx, entry.name.trim()).await?;
    if entry.external_id.is_some() {
        named.retain(|organization| organization.external_id.is_none());
    }
    if named.len() > 1 {
        let message = format!("several organizations are called '{}': give the id of the one meant.", entry.name);
        return Err(Error::field(entry.at.field("name"), "ambiguous", message));
    }
    Ok(named.pop())
}

fn create(entry: &shape::Organization) -> Create {
    Create {
        id: entry.id.clone(),
        name: entry.name.clone(),
        allow_profiles_outside_organization: entry.allow_profiles_outside_organization.unwrap_or(false),
        domains: claims(entry).collect(),
        metadata: entry.metadata.clone(),
        external_id: entry.external_id.clone(),
    }
}

/// What the file says, and nothing else. The domains of an update are the whole set, so those that the organization has
/// are named again.
fn update(current: &Organization, entry: &shape::Organization) -> Update {
    let kept = current.domains.iter().map(|domain| Claim {
        field: String::new(),
        domain: domain.domain.clone(),
        verified: false,
        pinned: Pinned::default(),
    });
    Update {
        name: Some(entry.name.clone()),
        allow_profiles_outside_organization: entry.allow_profiles_outside_organization,
        domains: entry.domains.as_ref().map(|_| claims(entry).chain(kept).collect()),
        metadata: entry.metadata.clone(),
        external_id: entry.external_id.clone().map_or(Patch::Absent, Patch::Value),
        stripe_customer_id: stripe(entry),
    }
}

fn stripe(entry: &shape::Organization) -> Patch<String> {
    entry.stripe_customer_id.clone().map_or(Patch::Absent, Patch::Value)
}

fn claims(entry: &shape::Organization) -> impl Iterator<Item = Claim> {
    let domains = entry.domains.as_deref().unwrap_or_default();
    domains.iter().enumerate().map(|(i, domain)| Claim {
        field: format!("domains[{i}].domain"),
        domain: domain.domain.clone(),
        verified: domain.state == Some(DomainState::Verified),
        pinned: Pinned {
            id: domain.id.clone(),
            verification_prefix: domain.verification_prefix.clone(),
            verification_token: domain.verification_token.clone(),
        },
    })
}
