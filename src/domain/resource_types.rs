//! Types of resources: what an environment begins with.

use crate::db::Tx;
use crate::kernel::Result;
use crate::model::keys::ResourceTypeKey;
use crate::model::resource_types::ORGANIZATION;
use crate::store;

/// Makes the type of organizations' roots, which every environment has. No event: nobody can watch an environment
/// that is only being made.
pub async fn seed(tx: &mut Tx) -> Result<ResourceTypeKey> {
    let now = tx.now();
    store::resource_types::insert(tx, ORGANIZATION, "Organization", now).await
}
