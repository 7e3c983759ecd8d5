//! Types of resources.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::{Error, Result};
use crate::model::keys::ResourceTypeKey;
use crate::model::resource_types::ResourceType;
use crate::sql;

macro_rules! columns {
    () => {
        "t.key, t.slug, t.name, t.description,
         array(select q.slug
               from resource_type_parents tp join resource_types q on q.environment = tp.environment and q.key = tp.parent
               where tp.environment = t.environment and tp.type = t.key
               order by q.slug) as parents,
         t.created_at, t.updated_at"
    };
}

/// All types, in the order of their making.
pub async fn list(db: &mut Db) -> Result<Vec<ResourceType>> {
    db.query(sql!("select ", columns!(), " from resource_types t where t.environment = $1 order by t.key")).all().await
}

/// The type of this slug, if there is one.
pub async fn find(db: &mut Db, slug: &str) -> Result<Option<ResourceType>> {
    db.query(sql!("select ", columns!(), " from resource_types t where t.environment = $1 and t.slug = $2"))
        .bind(slug)
        .find()
        .await
}

/// The type that must be there.
pub async fn get(db: &mut Db, slug: &str) -> Result<ResourceType> {
    find(db, slug).await?.ok_or_else(|| missing(slug))
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

/// All types, held against every other edit of types until the transaction ends. Whoever only reads them, or refers to
/// one, does not wait.
pub async fn lock_all(db: &mut Db) -> Result<Vec<ResourceType>> {
    db.query(sql!("select key from resource_types where environment = $1 and slug = 'organization' for no key update"))
        .run()
        .await?;
    list(db).await
}

/// Has every write of resources refused until the transaction ends, after those that are under way. The number is what
/// [`super::resources::tree`] tries.
pub async fn exclude_resource_writes(db: &mut Db) -> Result<()> {
    db.query(sql!("select pg_advisory_xact_lock(41, $1)::text")).run().await.map(drop)
}

/// Holds a type against every use until the transaction ends: to be deleted.
pub async fn lock_for_deletion(db: &mut Db, key: ResourceTypeKey) -> Result<()> {
    db.query(sql!("select key from resource_types where environment = $1 and key = $2 for update"))
        .bind(key)
        .run()
        .await
        .map(drop)
}

/// Whether a role or a permission is of this type.
pub async fn is_in_use(db: &mut Db, key: ResourceTypeKey) -> Result<bool> {
    db.query(sql!(
        "select exists (select from roles where environment = $1 and resource_type = $2)
             or exists (select from permissions where environment = $1 and resource_type = $2)"
    ))
    .bind(key)
    .value()
    .await
}

/// Whether a resource of this type stands below one of these types.
pub async fn has_resource_below(db: &mut Db, key: ResourceTypeKey, parents: &[ResourceTypeKey]) -> Result<bool> {
    db.query(sql!(
        "select exists (
             select from resources r join resources p on p.key = r.parent
             where r.environment = $1 and r.type = $2 and p.type = any($3::integer[]))"
    ))
    .bind(key)
    .bind(parents)
    .value()
    .await
}

/// A new type.
#[derive(Debug)]
pub struct New<'n> {
    /// The name that programs use.
    pub slug: &'n str,
    /// The name that people use.
    pub name: &'n str,
    /// What it is for.
    pub description: Option<&'n str>,
}

/// Writes a new type, without parents.
pub async fn insert(db: &mut Db, new: New<'_>, now: Timestamp) -> Result<ResourceTypeKey> {
    db.query(sql!(
        "insert into resource_types (environment, slug, name, description, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $5)
         returning key"
    ))
    .bind(new.slug)
    .bind(new.name)
    .bind(new.description)
    .bind(now)
    .value()
    .await
    .on_constraint("resource_types_slug_key", || {
        let message = format!("A resource type with the slug '{}' already exists.", new.slug);
        Error::conflict("resource_type_slug_conflict", message)
    })
}

/// Writes a changed type. Its parents are rows of their own.
pub async fn update(db: &mut Db, kind: &ResourceType) -> Result<()> {
    db.query(sql!(
        "update resource_types set name = $3, description = $4, updated_at = $5 where environment = $1 and key = $2"
    ))
    .bind(kind.key)
    .bind(&kind.name)
    .bind(kind.description.as_deref())
    .bind(kind.updated_at)
    .run()
    .await
    .map(drop)
}

/// Gives a type these parents besides those that it has.
pub async fn insert_parents(db: &mut Db, key: ResourceTypeKey, parents: &[ResourceTypeKey]) -> Result<()> {
    db.query(sql!(
        "insert into resource_type_parents (environment, type, parent)
         select $1, $2, parent from unnest($3::integer[]) as new (parent)
         on conflict do nothing"
    ))
    .bind(key)
    .bind(parents)
    .run()
    .await
    .map(drop)
}

/// Takes these parents from a type.
pub async fn delete_parents(db: &mut Db, key: ResourceTypeKey, parents: &[ResourceTypeKey]) -> Result<()> {
    db.query(sql!(
        "delete from resource_type_parents where environment = $1 and type = $2 and parent = any($3::integer[])"
    ))
    .bind(key)
    .bind(parents)
    .run()
    .await
    .map(drop)
}

/// Removes a type.
pub async fn delete(db: &mut Db, key: ResourceTypeKey) -> Result<()> {
    db.query(sql!("delete from resource_types where environment = $1 and key = $2")).bind(key).run().await.map(drop)
}

fn missing(slug: &str) -> Error {
    Error::missing_named("Resource type", slug)
}
