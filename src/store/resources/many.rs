//! Very many resources of one organization at a time: what a file names, and what is written into one.
//!
//! Statements are bounded by whoever calls them: [`AT_ONCE`]. Each finds its rows by keys, whatever the planner knows of the
//! tables: a seed that fills them comes before anybody has counted what is in them.

use sqlx::FromRow;

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, ResourceTypeKey};
use crate::sql;

use super::New;

/// So many resources go into one statement.
pub const AT_ONCE: usize = 1000;

/// A resource that was looked for.
#[derive(Debug, FromRow)]
pub struct Found {
    /// The place, from 1 on, of the name that it was found by.
    pub place: i64,
    /// The key by which rows name it.
    pub key: ResourceKey,
    /// Its id.
    pub id: ResourceId,
    /// Its organization, which may be another one if it was found by its id.
    pub organization_id: OrganizationId,
    /// Its type.
    pub resource_type_slug: String,
    /// What the application calls it; nothing if it is a root.
    pub external_id: Option<String>,
    /// The name that people use.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The resource that it stands below.
    pub parent: Option<ResourceKey>,
}

/// What a resource may go by: its id, if it is given, and its type with what the application calls it.
pub type Names<'n> = (Option<&'n ResourceId>, ResourceTypeKey, &'n str);

/// The resources of an organization that go by these names, and those of any organization that have these ids: none, one
/// or two for each.
pub async fn find_all(db: &mut Db, organization: &OrganizationId, names: &[Names<'_>]) -> Result<Vec<Found>> {
    let ids: Vec<_> = names.iter().map(|(id, _, _)| id.map(ResourceId::as_str)).collect();
    let types: Vec<_> = names.iter().map(|(_, kind, _)| *kind).collect();
    let external_ids: Vec<_> = names.iter().map(|(_, _, external_id)| *external_id).collect();
    db.query(sql!(
        "select n.place, r.key, r.id, r.organization_id, t.slug as resource_type_slug, r.external_id, r.name,
                r.description, r.parent
         from unnest($3::text[], $4::integer[], $5::text[]) with ordinality as n (id, type, external_id, place)
         cross join lateral (
             select e.key, e.id, e.organization_id, e.type, e.external_id, e.name, e.description, e.parent
             from resources e where e.environment = $1 and e.id = n.id
             union
             select e.key, e.id, e.organization_id, e.type, e.external_id, e.name, e.description, e.parent
             from resources e
             where e.environment = $1 and e.organization_id = $2 and e.type = n.type
               and e.external_id = n.external_id) as r
         join resource_types t on t.environment = $1 and t.key = r.type
         order by n.place"
    ))
    .bind(organization)
    .bind(ids)
    .bind(types)
    .bind(external_ids)
    .all()
    .await
}

/// Keys for new resources, rising, which nobody else gets: so that the order of keys, which is that of lists, need not be
/// the order in which parents must come before what stands below them.
pub async fn reserve_keys(db: &mut Db, many: usize) -> Result<Vec<ResourceKey>> {
    db.query(sql!(
        "select nextval(pg_get_serial_sequence('resources', 'key'))
         from environments e cross join generate_series(1, $2) where e.key = $1"
    ))
    .bind(i32::try_from(many).map_err(Error::internal)?)
    .values()
    .await
}

/// How many levels each of these resources is below the root.
pub async fn list_depths(db: &mut Db, keys: &[ResourceKey]) -> Result<Vec<(ResourceKey, i16)>> {
    db.query(sql!(
        "select r.key, (select max(a.depth) from resource_ancestors a where a.descendant = r.key)
         from resources r where r.environment = $1 and r.key = any($2)"
    ))
    .bind(keys)
    .all()
    .await
}

/// Writes new resources of an organization under keys that are reserved for them, with the rows for what is above each.
/// What they stand below must be there.
pub async fn insert(
    db: &mut Db,
    organization: &OrganizationId,
    new: &[(ResourceKey, New<'_>)],
    now: Timestamp,
) -> Result<()> {
    let keys: Vec<_> = new.iter().map(|(key, _)| *key).collect();
    let ids: Vec<_> = new.iter().map(|(_, new)| new.id.as_str()).collect();
    let types: Vec<_> = new.iter().map(|(_, new)| new.resource_type).collect();
    let parents: Vec<_> = new.iter().map(|(_, new)| new.parent).collect();
    let external_ids: Vec<_> = new.iter().map(|(_, new)| new.external_id).collect();
    let names: Vec<_> = new.iter().map(|(_, new)| new.name).collect();
    let descriptions: Vec<_> = new.iter().map(|(_, new)| new.description).collect();
    db.query(sql!(
        "with n as materialized (
             select * from unnest($4::bigint[], $5::text[], $6::integer[], $7::bigint[], $8::text[], $9::text[], $10::text[])
                           as n (key, id, type, parent, external_id, name, description)),
         r as (
             insert into resources (environment, key, id, organization_id, type, parent, external_id, name, description,
                                    created_at, updated_at)
             overriding system value
             select $1, n.key, n.id, $2, n.type, n.parent, n.external_id, n.name, n.description, $3, $3 from n)
         insert into resource_ancestors (descendant, ancestor, depth, type)
         select n.key, n.key, 0, n.type from n
         union all
         select n.key, a.ancestor, a.depth + 1, n.type
         from n cross join lateral (
             select a.ancestor, a.depth from resource_ancestors a where a.descendant = n.parent offset 0) a"
    ))
    .bind(organization)
    .bind(now)
    .bind(keys)
    .bind(ids)
    .bind(types)
    .bind(parents)
    .bind(external_ids)
    .bind(names)
    .bind(descriptions)
    .run()
    .await
    .map(drop)
    .on_constraint("resources_id_key", || {
        Error::conflict("authorization_resource_already_exists", "A resource with one of these ids already exists.")
    })
}

/// What a resource is called from now on: its key, its name and what it is.
pub type Described<'d> = (ResourceKey, &'d str, Option<&'d str>);

/// Writes the names and descriptions of resources.
pub async fn describe(db: &mut Db, described: &[Described<'_>], now: Timestamp) -> Result<()> {
    let keys: Vec<_> = described.iter().map(|(key, _, _)| *key).collect();
    let (names, descriptions): (Vec<_>, Vec<_>) =
        described.iter().map(|(_, name, description)| (*name, *description)).unzip();
    db.query(sql!(
        "update resources r set name = n.name, description = n.description, updated_at = $2
         from unnest($3::bigint[], $4::text[], $5::text[]) as n (key, name, description)
         where r.environment = $1 and r.key = any($3) and r.key = n.key"
    ))
    .bind(now)
    .bind(keys)
    .bind(names)
    .bind(descriptions)
    .run()
    .await
    .map(drop)
}

/// A resource other than a root, as a file names it.
#[derive(Debug, FromRow)]
pub struct Listed {
    /// The key, after which the next ones come.
    pub key: ResourceKey,
    /// Its id.
    pub id: ResourceId,
    /// Its type.
    pub resource_type_slug: String,
    /// What the application calls it.
    pub external_id: String,
    /// The name that people use.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The type of the resource that it stands below.
    pub parent_resource_type_slug: String,
    /// What the application calls that one; nothing if it is the root.
    pub parent_resource_external_id: Option<String>,
}

/// The next [`AT_ONCE`] resources of an organization after one, in the order of their making, without the root.
///
/// So many of each type are read from the index, and merged: see [`super::list`].
pub async fn list_after(db: &mut Db, organization: &OrganizationId, after: Option<ResourceKey>) -> Result<Vec<Listed>> {
    db.query(sql!(
        "select r.key, r.id, t.slug as resource_type_slug, r.external_id, r.name, r.description,
                q.slug as parent_resource_type_slug, p.external_id as parent_resource_external_id
         from (select u.key
               from resource_types k
               cross join lateral (
                   select e.type, e.key from resources e
                   where e.environment = $1 and e.organization_id = $2 and (e.type, e.key) > (k.key, coalesce($3::bigint, 0))
                   order by e.type, e.key limit $4) u
               where u.type = k.key and k.environment = $1 and k.slug <> 'organization'
               order by u.key limit $4) page
         join resources r on r.key = page.key
         join resource_types t on t.environment = $1 and t.key = r.type
         join resources p on p.key = r.parent
         join resource_types q on q.environment = $1 and q.key = p.type
         order by r.key"
    ))
    .bind(organization)
    .bind(after)
    .bind(i64::try_from(AT_ONCE).map_err(Error::internal)?)
    .all()
    .await
}
