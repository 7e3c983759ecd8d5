//! The shape of trees: who holds one, where something can stand, and what is derived from the parents.
//!
//! `resources.parent` is the truth. `resource_ancestors` is derived from it: a row for each resource and each one above it,
//! itself included. Both are written together, and only by whoever holds the tree.

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, ResourceTypeKey};
use crate::model::resource_types::ORGANIZATION;
use crate::model::resources::ResourceTarget;
use crate::sql;

/// A tree that is held, or not.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Tree {
    /// Whether it is held: it is not while types of resources are edited.
    pub is_held: bool,
}

// Whoever writes resources of an organization holds, in this order and until the transaction ends: the organization, so
// that it is not deleted; the types, which only an edit of them refuses, at once; the tree itself. A lock of numbers is
// a place in memory: it writes nothing, and does not make the many that share it write about one another.
macro_rules! tree {
    ($lock:literal) => {
        concat!(
            "with held as materialized (
                 select id from organizations where environment = $1 and id = $2 for key share),
             free as materialized (
                 select id, pg_try_advisory_xact_lock_shared(41, $1) as is_held from held)
             select free.is_held, case when free.is_held then ",
            $lock,
            "(root.key)::text end
             from free
             join resources root
               on root.environment = $1 and root.organization_id = free.id and root.parent is null"
        )
    };
}

/// Holds an organization's tree together with others who add to it.
pub async fn share(db: &mut Db, organization: &OrganizationId) -> Result<Tree> {
    db.query(sql!(tree!("pg_advisory_xact_lock_shared")))
        .bind(organization)
        .find()
        .await?
        .ok_or_else(|| Error::missing(organization))
}

/// Holds an organization's tree against all others who write it: to move or to delete what others could put something
/// below.
pub async fn lock(db: &mut Db, organization: &OrganizationId) -> Result<Tree> {
    db.query(sql!(tree!("pg_advisory_xact_lock")))
        .bind(organization)
        .find()
        .await?
        .ok_or_else(|| Error::missing(organization))
}

/// A place in a tree, for a resource of some type: what is known of whether it can stand there.
#[derive(Debug, FromRow)]
pub struct Place {
    /// The type, if there is one of this slug.
    pub resource_type: Option<ResourceTypeKey>,
    /// The resource that it would stand below, if the organization has it.
    pub parent: Option<ResourceKey>,
    /// The id of that one.
    pub parent_id: Option<ResourceId>,
    /// Whether the type may stand below the parent's.
    pub is_allowed: bool,
    /// How many levels the parent is below the root.
    pub depth: i16,
}

// The place below the resource `r` of organization `$2` that `$target` names, for the type `$3`.
macro_rules! place {
    ($target:literal) => {
        concat!(
            "select k.key as resource_type, r.key as parent, r.id as parent_id,
                    exists (select from resource_type_parents a where a.type = k.key and a.parent = r.type) as is_allowed,
                    coalesce((select max(a.depth) from resource_ancestors a where a.descendant = r.key), 0::smallint) as depth
             from (values (true)) as one
             left join resource_types k on k.environment = $1 and k.slug = $3
             left join resources r on r.environment = $1 and r.organization_id = $2 and ",
            $target
        )
    };
}

/// The place below a resource of the organization; below its root, if none is named.
pub async fn place(
    db: &mut Db,
    organization: &OrganizationId,
    resource_type_slug: &str,
    parent: Option<&ResourceTarget>,
) -> Result<Place> {
    match parent {
        None => {
            db.query(sql!(place!("r.parent is null"))).bind(organization).bind(resource_type_slug).one().await
        }
        Some(ResourceTarget::Id(id)) => {
            db.query(sql!(place!("r.id = $4"))).bind(organization).bind(resource_type_slug).bind(id).one().await
        }
        Some(ResourceTarget::External { resource_type_slug: of, external_id }) if of == ORGANIZATION => {
            db.query(sql!(place!(
                "r.parent is null and exists (
                     select from organizations o where o.environment = $1 and o.id = $2 and $4 in (o.id, o.external_id))"
            )))
            .bind(organization)
            .bind(resource_type_slug)
            .bind(external_id)
            .one()
            .await
        }
        Some(ResourceTarget::External { resource_type_slug: of, external_id }) => {
            db.query(sql!(place!(
                "r.type = (select key from resource_types where environment = $1 and slug = $4) and r.external_id = $5"
            )))
            .bind(organization)
            .bind(resource_type_slug)
            .bind(of)
            .bind(external_id)
            .one()
            .await
        }
    }
}

/// Whether a resource is another, or stands above it.
pub async fn is_above(db: &mut Db, key: ResourceKey, below: ResourceKey) -> Result<bool> {
    db.query(sql!(
        "select exists (
             select from resource_ancestors a join resources r on r.environment = $1 and r.key = a.ancestor
             where a.descendant = $3 and a.ancestor = $2)"
    ))
    .bind(key)
    .bind(below)
    .value()
    .await
}

/// How many levels there are below a resource.
pub async fn height(db: &mut Db, key: ResourceKey) -> Result<i16> {
    db.query(sql!(
        "select coalesce(max(a.depth), 0::smallint)
         from resources r join resource_ancestors a on a.ancestor = r.key
         where r.environment = $1 and r.key = $2"
    ))
    .bind(key)
    .value()
    .await
}

/// Puts a resource below another one. The tree must be locked. What is derived follows by [`delete_ancestors`] and
/// [`insert_ancestors`], of which each writes only what differs: rows about those who are above both places stay.
pub async fn set_parent(db: &mut Db, key: ResourceKey, parent: ResourceKey) -> Result<()> {
    db.query(sql!("update resources set parent = $3 where environment = $1 and key = $2"))
        .bind(key)
        .bind(parent)
        .run()
        .await
        .map(drop)
}

/// Takes from a resource, and from all below it, those above it that are not above its new place.
///
/// Rows are found by what moves, never by who is above it, which may be above millions of others: hence the `+ 0`.
pub async fn delete_ancestors(db: &mut Db, key: ResourceKey, parent: ResourceKey) -> Result<()> {
    db.query(sql!(
        "delete from resource_ancestors d
         using resources moved, resource_ancestors old, resource_ancestors below
         where moved.environment = $1 and moved.key = $2
           and old.descendant = moved.key and old.ancestor <> moved.key
           and not exists (
               select from resource_ancestors new where new.descendant = $3 and new.ancestor = old.ancestor)
           and below.ancestor = moved.key
           and d.descendant = below.descendant and d.ancestor + 0 = old.ancestor"
    ))
    .bind(key)
    .bind(parent)
    .run()
    .await
    .map(drop)
}

/// Gives a resource, and all below it, those that are above its new place.
pub async fn insert_ancestors(db: &mut Db, key: ResourceKey, parent: ResourceKey) -> Result<()> {
    db.query(sql!(
        "insert into resource_ancestors as a (descendant, ancestor, depth, type)
         select below.descendant, above.ancestor, below.depth + above.depth + 1, below.type
         from resources moved
         join resource_ancestors below on below.ancestor = moved.key
         join resource_ancestors above on above.descendant = $3
         where moved.environment = $1 and moved.key = $2
         on conflict (descendant, ancestor) do update set depth = excluded.depth where a.depth <> excluded.depth"
    ))
    .bind(key)
    .bind(parent)
    .run()
    .await
    .map(drop)
}

/// Whether something stands below a resource, or somebody has a role on it.
pub async fn has_dependents(db: &mut Db, key: ResourceKey) -> Result<bool> {
    db.query(sql!(
        "select exists (select from resources where environment = $1 and parent = $2)
             or exists (select from role_assignments where environment = $1 and resource = $2)"
    ))
    .bind(key)
    .value()
    .await
}

/// So many resources are removed by one transaction at most: removing takes about a tenth of a millisecond each, others
/// wait for the tree, and what happens elsewhere meanwhile is told to nobody before it ends.
pub const MOST_REMOVED: i64 = 5000;

/// Whether more than [`MOST_REMOVED`] resources stand below one.
pub async fn is_large(db: &mut Db, key: ResourceKey) -> Result<bool> {
    db.query(sql!(
        "select count(*) > $3
         from (select from resources r join resource_ancestors a on a.ancestor = r.key
               where r.environment = $1 and r.key = $2 limit $3 + 1) as counted"
    ))
    .bind(key)
    .bind(MOST_REMOVED)
    .value()
    .await
}

/// The root of an organization's tree, if more than [`MOST_REMOVED`] resources stand below it.
pub async fn find_large(db: &mut Db, organization: &OrganizationId) -> Result<Option<ResourceKey>> {
    db.query(sql!(
        "select r.key from resources r
         where r.environment = $1 and r.organization_id = $2 and r.parent is null
           and (select count(*) > $3
                from (select from resource_ancestors a where a.ancestor = r.key limit $3 + 1) as counted)"
    ))
    .bind(organization)
    .bind(MOST_REMOVED)
    .find_value()
    .await
}

/// Whether there are more than [`MOST_REMOVED`] resources of a type.
pub async fn has_many_of_type(db: &mut Db, key: ResourceTypeKey) -> Result<bool> {
    db.query(sql!(
        "select count(*) > $3
         from (select from resources where environment = $1 and type = $2 limit $3 + 1) as counted"
    ))
    .bind(key)
    .bind(MOST_REMOVED)
    .value()
    .await
}

// Removes the resources `gone`, with the roles that were given on them. Whatever stands below one of them is among them.
macro_rules! remove {
    ($gone:literal) => {
        concat!(
            "with gone as materialized (",
            $gone,
            "), assignments as (delete from role_assignments where resource = any(array(select key from gone))),
             ancestors as (delete from resource_ancestors where descendant = any(array(select key from gone)))
             delete from resources where environment = $1 and key = any(array(select key from gone))"
        )
    };
}

/// Removes a resource and all below it, with the roles that were given on them. The tree must be locked.
pub async fn delete(db: &mut Db, key: ResourceKey) -> Result<()> {
    db.query(sql!(remove!(
        "select a.descendant as key
         from resources r join resource_ancestors a on a.ancestor = r.key
         where r.environment = $1 and r.key = $2"
    )))
    .bind(key)
    .run()
    .await
    .map(drop)
}

// Some of many are looked for from the end of an index, where those stand that were made last: few of them have something
// below them, and what was removed before is not passed by. Whether one has is asked for each, hence the `offset 0`.

/// Removes [`MOST_REMOVED`] resources from below one, of those that have nothing below them. The tree must be locked.
pub async fn delete_some_below(db: &mut Db, key: ResourceKey) -> Result<()> {
    db.query(sql!(remove!(
        "select a.descendant as key
         from resources r join resource_ancestors a on a.ancestor = r.key
         where r.environment = $1 and r.key = $2 and a.descendant <> r.key
           and not exists (select from resources c where c.parent = a.descendant offset 0)
         order by a.type desc, a.descendant desc limit $3"
    )))
    .bind(key)
    .bind(MOST_REMOVED)
    .run()
    .await
    .map(drop)
}

/// Removes [`MOST_REMOVED`] resources of a type, of those that have nothing below them. Nobody else may write any.
pub async fn delete_some_of_type(db: &mut Db, key: ResourceTypeKey) -> Result<()> {
    db.query(sql!(remove!(
        "select r.key from resources r
         where r.environment = $1 and r.type = $2
           and not exists (select from resources c where c.parent = r.key offset 0)
         order by r.key desc limit $3"
    )))
    .bind(key)
    .bind(MOST_REMOVED)
    .run()
    .await
    .map(drop)
}

/// Removes every resource of a type below which no other type stands. Nobody else may write any.
pub async fn delete_of_type(db: &mut Db, key: ResourceTypeKey) -> Result<()> {
    db.query(sql!(remove!("select key from resources where environment = $1 and type = $2")))
        .bind(key)
        .run()
        .await
        .map(drop)
}
