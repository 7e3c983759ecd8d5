//! Types of resources.

use crate::db::Db;
use crate::kernel::clock::Timestamp;
use crate::kernel::{Error, Result};
use crate::model::keys::ResourceTypeKey;
use crate::model::resource_types::ResourceType;
use crate::sql;

/// The type of this slug, if there is one.
pub async fn find(db: &mut Db, slug: &str) -> Result<Option<ResourceType>> {
    db.query(sql!(
        "select key, slug, name, description, created_at, updated_at
         from resource_types where environment = $1 and slug = $2"
    ))
    .bind(slug)
    .find()
    .await
}

/// The type that must be there.
pub async fn get(db: &mut Db, slug: &str) -> Result<ResourceType> {
    find(db, slug).await?.ok_or_else(|| Error::missing_named("Resource type", slug))
}

/// This type and all that may stand below it, at any depth.
pub async fn list_within(db: &mut Db, top: ResourceTypeKey) -> Result<Vec<ResourceTypeKey>> {
    db.query(sql!(
        "with recursive within (type) as (
             select $2::integer
             union
             select p.type from within w join resource_type_parents p on p.environment = $1 and p.parent = w.type)
         select type from within"
    ))
    .bind(top)
    .values()
    .await
}

/// Writes a new type.
pub async fn insert(db: &mut Db, slug: &str, name: &str, now: Timestamp) -> Result<ResourceTypeKey> {
    db.query(sql!(
        "insert into resource_types (environment, slug, name, created_at, updated_at) values ($1, $2, $3, $4, $4)
         returning key"
    ))
    .bind(slug)
    .bind(name)
    .bind(now)
    .value()
    .await
}
