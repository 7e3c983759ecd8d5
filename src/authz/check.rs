//! The question of questions: may this membership do this on that resource?

use crate::db::Db;
use crate::kernel::id::OrganizationMembershipId;
use crate::kernel::{Error, Result};
use crate::model::resource_types::ORGANIZATION;
use crate::model::resources::ResourceTarget;
use crate::store;

/// Whether a membership has a permission on a resource.
///
/// It has if it is an active membership of the resource's organization, and somebody gave it, on the resource or on one
/// above it, a role with that permission. Nothing is ever denied to one who has it by another way. A permission that
/// does not exist is one that nobody has. A membership, or a resource in its organization, that does not exist is
/// missing.
pub async fn check(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    permission: &str,
    target: &ResourceTarget,
) -> Result<bool> {
    let (decision, name) = match target {
        ResourceTarget::Id(id) => (store::authorization::decide(db, membership, permission, id).await?, id.as_str()),
        ResourceTarget::External { resource_type_slug, external_id } if resource_type_slug == ORGANIZATION => {
            (store::authorization::decide_on_root(db, membership, permission, external_id).await?, external_id.as_str())
        }
        ResourceTarget::External { resource_type_slug, external_id } => {
            let named = (resource_type_slug.as_str(), external_id.as_str());
            (store::authorization::decide_by_external_id(db, membership, permission, named).await?, named.1)
        }
    };
    let decision = decision.ok_or_else(|| Error::missing(membership))?;
    if !decision.has_resource {
        return Err(Error::missing_named("Authorization resource", name));
    }
    Ok(decision.is_authorized)
}
