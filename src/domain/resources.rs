//! Resources: the root of every organization's tree.

use crate::db::Tx;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::{Error, Result};
use crate::model::resource_types::ORGANIZATION;
use crate::store;

/// Makes the root of an organization's tree.
///
/// It lives as long as the organization, goes by its name and external id, and carries the roles that people have in
/// the organization as a whole. Resources have no events.
pub async fn create_root(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    let id: ResourceId = tx.mint();
    let now = tx.now();
    if store::resources::insert_root(tx, &id, organization, ORGANIZATION, now).await? {
        return Ok(());
    }
    Err(Error::internal("the environment has no resource type for organizations"))
}
