//! Resources.

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::sql;

/// Writes the root of an organization's tree, with the row that makes it its own ancestor; whether there is a type of
/// this slug for it.
pub async fn insert_root(
    db: &mut Db,
    id: &ResourceId,
    organization: &OrganizationId,
    type_slug: &str,
    now: Timestamp,
) -> Result<bool> {
    let rows = db
        .query(sql!(
            "with root as (
                 insert into resources (environment, id, organization_id, type, created_at, updated_at)
                 select $1, $2, $3, t.key, $5, $5 from resource_types t where t.environment = $1 and t.slug = $4
                 returning key, type)
             insert into resource_ancestors (descendant, ancestor, depth, type) select key, key, 0, type from root"
        ))
        .bind(id)
        .bind(organization)
        .bind(type_slug)
        .bind(now)
        .run()
        .await?;
    Ok(rows > 0)
}
