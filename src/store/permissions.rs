//! Permissions.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{PermissionId, PermissionKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::keys::{PermissionKey, ResourceTypeKey};
use crate::model::permissions::Permission;
use crate::{page_sql, sql};

/// The columns of a permission `p` with its type `t`.
macro_rules! columns {
    () => {
        "p.key, p.id, p.slug, p.name, p.description, p.system, p.resource_type, t.slug as resource_type_slug,
         p.created_at, p.updated_at"
    };
}

/// The permissions `p` of the environment with their types `t`.
macro_rules! permissions {
    () => {
        concat!(
            "select ",
            columns!(),
            " from permissions p join resource_types t on t.environment = p.environment and t.key = p.resource_type
              where p.environment = $1"
        )
    };
}

/// A page of permissions.
pub async fn list(db: &mut Db, page: &Page<PermissionKind>) -> Result<List<Permission>> {
    db.page(page_sql!(permissions!(); "p.id"), page).list(|permission: &Permission| permission.id.as_str()).await
}

/// The permission that must be there.
pub async fn get(db: &mut Db, slug: &str) -> Result<Permission> {
    db.query(sql!(permissions!(), " and p.slug = $2")).bind(slug).find().await?.ok_or_else(|| missing(slug))
}

/// The permission, held against every other use until the transaction ends.
pub async fn lock(db: &mut Db, slug: &str) -> Result<Permission> {
    db.query(sql!(permissions!(), " and p.slug = $2 for update of p"))
        .bind(slug)
        .find()
        .await?
        .ok_or_else(|| missing(slug))
}

/// The permissions of these slugs, all of which must be there. Until the transaction ends, none can be deleted.
pub async fn hold(db: &mut Db, slugs: &[String]) -> Result<Vec<Permission>> {
    let found = hold_known(db, slugs).await?;
    match slugs.iter().find(|&slug| found.iter().all(|permission| permission.slug != *slug)) {
        Some(unknown) => Err(missing(unknown)),
        None => Ok(found),
    }
}

/// Those of these slugs that there are, in their order. Until the transaction ends, none can be deleted.
pub async fn hold_known(db: &mut Db, slugs: &[String]) -> Result<Vec<Permission>> {
    db.query(sql!(permissions!(), " and p.slug = any($2) order by p.slug for key share of p")).bind(slugs).all().await
}

/// A new permission.
#[derive(Debug)]
pub struct New {
    /// Its id.
    pub id: PermissionId,
    /// The name that programs use.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it allows.
    pub description: Option<String>,
    /// The type of resources that it concerns, by its slug.
    pub resource_type_slug: String,
}

/// Writes a new permission.
pub async fn insert(db: &mut Db, new: &New, now: Timestamp) -> Result<Permission> {
    let missing_type = || Error::missing_named("Resource type", &new.resource_type_slug);
    db.query(sql!(
        "with p as (
             insert into permissions (environment, id, slug, name, description, resource_type, created_at, updated_at)
             select $1, $2, $3, $4, $5, t.key, $7, $7 from resource_types t where t.environment = $1 and t.slug = $6
             returning *)
         select ",
        columns!(),
        " from p join resource_types t on t.key = p.resource_type"
    ))
    .bind(&new.id)
    .bind(&new.slug)
    .bind(&new.name)
    .bind(new.description.as_deref())
    .bind(&new.resource_type_slug)
    .bind(now)
    .find()
    .await
    .on_constraint("permissions_slug_key", || {
        let message = format!("A permission with the slug '{}' already exists.", new.slug);
        Error::conflict("permission_slug_conflict", message)
    })
    .on_constraint("permissions_id_key", id_conflict)
    .on_constraint("permissions_resource_type_fkey", missing_type)?
    .ok_or_else(missing_type)
}

/// Writes the permissions that belong to the server, each with its id, slug and name.
pub async fn insert_system(
    db: &mut Db,
    resource_type: ResourceTypeKey,
    (ids, slugs, names): (&[PermissionId], &[&str], &[&str]),
    now: Timestamp,
) -> Result<()> {
    db.query(sql!(
        "insert into permissions (environment, id, slug, name, system, resource_type, created_at, updated_at)
         select $1, new.id, new.slug, new.name, true, $2, $6, $6
         from unnest($3::text[], $4::text[], $5::text[]) as new (id, slug, name)"
    ))
    .bind(resource_type)
    .bind(ids)
    .bind(slugs)
    .bind(names)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// Writes a changed permission.
pub async fn update(db: &mut Db, permission: &Permission) -> Result<()> {
    db.query(sql!(
        "update permissions set name = $3, description = $4, updated_at = $5 where environment = $1 and key = $2"
    ))
    .bind(permission.key)
    .bind(&permission.name)
    .bind(permission.description.as_deref())
    .bind(permission.updated_at)
    .run()
    .await
    .map(drop)
}

/// Gives a permission another id.
pub async fn set_id(db: &mut Db, permission: PermissionKey, id: &PermissionId) -> Result<()> {
    db.query(sql!("update permissions set id = $3 where environment = $1 and key = $2"))
        .bind(permission)
        .bind(id)
        .run()
        .await
        .map(drop)
        .on_constraint("permissions_id_key", id_conflict)
}

fn id_conflict() -> Error {
    Error::conflict("permission_already_exists", "A permission with this id already exists.")
}

/// Removes a permission, from every role that has it too.
pub async fn delete(db: &mut Db, permission: PermissionKey) -> Result<()> {
    db.query(sql!("delete from permissions where environment = $1 and key = $2")).bind(permission).run().await.map(drop)
}

fn missing(slug: &str) -> Error {
    Error::missing_named("Permission", slug)
}
