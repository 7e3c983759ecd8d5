//! Resources: the trees of organizations.
//!
//! `resources.parent` is the truth. `resource_ancestors` is derived from it: a row for each resource and each one above it,
//! itself included. Both are written together, and only by whoever holds the tree: see [`lock_tree`].

use sqlx::FromRow;

use crate::db::statement::PageSql;
use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, ResourceId, ResourceKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, ResourceTypeKey};
use crate::model::resource_types::ORGANIZATION;
use crate::model::resources::{Resource, ResourceTarget};
use crate::sql;

/// The columns of a resource `r` with what [`joined`] adds. A root goes by its organization's name and external id.
macro_rules! columns {
    () => {
        "r.key, coalesce(r.name, o.name) as name, r.description, r.organization_id, p.id as parent_resource_id, r.id,
         coalesce(r.external_id, o.external_id, o.id) as external_id, t.slug as resource_type_slug,
         r.created_at, r.updated_at"
    };
}

/// The organization `o` of a resource `r`, its type `t` and its parent `p`.
macro_rules! joined {
    () => {
        " join organizations o on o.environment = r.environment and o.id = r.organization_id
          join resource_types t on t.environment = r.environment and t.key = r.type
          left join resources p on p.key = r.parent"
    };
}

/// Resources `r`, to be told which.
macro_rules! resources {
    () => {
        concat!("select ", columns!(), " from resources r", joined!(), " where r.environment = $1 and ")
    };
}

/// The resource of this id.
pub async fn get(db: &mut Db, id: &ResourceId) -> Result<Resource> {
    db.query(sql!(resources!(), "r.id = $2")).bind(id).find().await?.ok_or_else(|| Error::missing(id))
}

/// The resource of an organization that the application calls by this name.
pub async fn get_by_external_id(
    db: &mut Db,
    organization: &OrganizationId,
    resource_type_slug: &str,
    external_id: &str,
) -> Result<Resource> {
    let found = if resource_type_slug == ORGANIZATION {
        db.query(sql!(resources!(), "r.organization_id = $2 and r.parent is null and $3 in (o.id, o.external_id)"))
            .bind(organization)
            .bind(external_id)
            .find()
            .await?
    } else {
        db.query(sql!(
            resources!(),
            "r.organization_id = $2 and r.external_id = $4
             and r.type = (select key from resource_types where environment = $1 and slug = $3)"
        ))
        .bind(organization)
        .bind(resource_type_slug)
        .bind(external_id)
        .find()
        .await?
    };
    found.ok_or_else(|| Error::missing_named("Authorization resource", external_id))
}

/// Which resources a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those of this type.
    pub resource_type_slug: Option<String>,
    /// Those of this organization.
    pub organization: Option<OrganizationId>,
    /// Those that the application calls by this name.
    pub external_id: Option<String>,
    /// Those whose name or external id contains this, in any case.
    pub search: Option<String>,
    /// Those directly below these.
    pub parents: Option<Vec<ResourceKey>>,
}

// A page in the order of keys. A cursor is an id: the page begins where the key of its row is, or, if that row is gone,
// at the one made before it.
//
// A list of all types reads so many of each type and merges them, because every index has the type before the key: so no
// page costs more for what lies beside it.
macro_rules! bounds {
    () => {
        " and r.key > coalesce(
              (select c.key from resources c where c.environment = $1 and c.id <= $2 order by c.id desc limit 1), 0)
          and r.key < case when $3::text is null then 9223372036854775807 else coalesce(
              (select c.key + (c.id <> $3)::integer from resources c
               where c.environment = $1 and c.id <= $3 order by c.id desc limit 1), 0) end"
    };
}

macro_rules! filters {
    () => {
        " and ($6::text is null or r.organization_id = $6)
          and ($7::text is null or r.external_id = $7)
          and ($8::text is null or position(lower($8) in lower(r.name)) > 0
               or position(lower($8) in lower(r.external_id)) > 0)"
    };
}

/// The beginning of a page's keys, which come from types `k`, perhaps with something before them.
macro_rules! page_from {
    () => {
        concat!("select ", columns!(), " from (select u.key from ")
    };
}

/// So many resources `r` of each type `k`, to be told where.
macro_rules! of_each_type {
    () => {
        " cross join lateral (select r.key from resources r where r.environment = $1 and r.type = k.key"
    };
}

macro_rules! within_page {
    ($direction:literal) => {
        concat!(
            filters!(),
            bounds!(),
            " order by r.key ",
            $direction,
            " limit $4) u where k.environment = $1 and ($5::text is null or k.slug = $5)"
        )
    };
}

macro_rules! page_end {
    ($direction:literal) => {
        concat!(
            " order by key ",
            $direction,
            " limit $4) page join resources r on r.key = page.key",
            joined!(),
            " order by r.key ",
            $direction
        )
    };
}

/// Roots `r` go by other rows' external ids.
macro_rules! roots_of_external_id {
    () => {
        concat!(
            " union all
              select r.key from organizations c
              join resources r on r.environment = $1 and r.organization_id = c.id and r.parent is null
              where c.environment = $1 and (c.id = $7 or c.external_id = $7) and ($5::text is null or $5 = 'organization')
                and ($6::text is null or c.id = $6)",
            bounds!()
        )
    };
}

macro_rules! page_of_environment {
    ($direction:literal) => {
        concat!(page_from!(), "resource_types k", of_each_type!(), within_page!($direction), page_end!($direction))
    };
}

macro_rules! page_of_organization {
    ($direction:literal) => {
        concat!(
            page_from!(),
            "resource_types k",
            of_each_type!(),
            " and r.organization_id = $6",
            within_page!($direction),
            page_end!($direction)
        )
    };
}

macro_rules! page_of_external_id {
    ($direction:literal) => {
        concat!(
            page_from!(),
            "resource_types k",
            of_each_type!(),
            " and r.external_id = $7",
            within_page!($direction),
            roots_of_external_id!(),
            page_end!($direction)
        )
    };
}

macro_rules! page_of_parents {
    ($direction:literal) => {
        concat!(
            page_from!(),
            "unnest($9::bigint[]) as above (key) cross join resource_types k",
            of_each_type!(),
            " and r.parent = above.key",
            within_page!($direction),
            page_end!($direction)
        )
    };
}

impl Filter {
    /// The statement that finds them by the index that knows most of what is asked.
    fn statement(&self) -> PageSql {
        match (&self.parents, &self.external_id, &self.organization) {
            (Some(_), _, _) => {
                PageSql { ascending: sql!(page_of_parents!("asc")), descending: sql!(page_of_parents!("desc")) }
            }
            (None, Some(_), _) => {
                PageSql { ascending: sql!(page_of_external_id!("asc")), descending: sql!(page_of_external_id!("desc")) }
            }
            (None, None, Some(_)) => PageSql {
                ascending: sql!(page_of_organization!("asc")),
                descending: sql!(page_of_organization!("desc")),
            },
            (None, None, None) => {
                PageSql { ascending: sql!(page_of_environment!("asc")), descending: sql!(page_of_environment!("desc")) }
            }
        }
    }
}

/// A page of resources, roots included, in the order of their making.
pub async fn list(db: &mut Db, filter: &Filter, page: &Page<ResourceKind>) -> Result<List<Resource>> {
    let mut statement = db
        .page_by_key(filter.statement(), page)
        .bind(filter.resource_type_slug.as_deref())
        .bind(filter.organization.as_ref())
        .bind(filter.external_id.as_deref())
        .bind(filter.search.as_deref());
    if let Some(parents) = &filter.parents {
        statement = statement.bind(parents);
    }
    statement.list(|resource: &Resource| resource.id.as_str()).await
}

/// The resources that are named so, of the organization if there is one: an external id names one in each.
pub async fn list_keys(
    db: &mut Db,
    organization: Option<&OrganizationId>,
    target: &ResourceTarget,
) -> Result<Vec<ResourceKey>> {
    match target {
        ResourceTarget::Id(id) => {
            db.query(sql!(
                "select key from resources
                 where environment = $1 and ($2::text is null or organization_id = $2) and id = $3"
            ))
            .bind(organization)
            .bind(id)
            .values()
            .await
        }
        ResourceTarget::External { resource_type_slug, external_id } if resource_type_slug == ORGANIZATION => {
            db.query(sql!(
                "select r.key from organizations o
                 join resources r on r.environment = $1 and r.organization_id = o.id and r.parent is null
                 where o.environment = $1 and ($2::text is null or o.id = $2) and (o.id = $3 or o.external_id = $3)"
            ))
            .bind(organization)
            .bind(external_id)
            .values()
            .await
        }
        ResourceTarget::External { resource_type_slug, external_id } => {
            db.query(sql!(
                "select r.key from resource_types t
                 join resources r on r.environment = $1 and r.type = t.key and r.external_id = $4
                 where t.environment = $1 and t.slug = $3 and ($2::text is null or r.organization_id = $2)"
            ))
            .bind(organization)
            .bind(resource_type_slug)
            .bind(external_id)
            .values()
            .await
        }
    }
}

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
pub async fn share_tree(db: &mut Db, organization: &OrganizationId) -> Result<Tree> {
    db.query(sql!(tree!("pg_advisory_xact_lock_shared")))
        .bind(organization)
        .find()
        .await?
        .ok_or_else(|| Error::missing(organization))
}

/// Holds an organization's tree against all others who write it: to move or to delete what others could put something
/// below.
pub async fn lock_tree(db: &mut Db, organization: &OrganizationId) -> Result<Tree> {
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

/// The resource, held against other changes until the transaction ends. Of one of a tree that is held; None if it is gone.
pub async fn lock(db: &mut Db, key: ResourceKey) -> Result<Option<Resource>> {
    db.query(sql!(resources!(), "r.key = $2 for no key update of r")).bind(key).find().await
}

/// The same, held against every use: to be deleted.
pub async fn lock_for_deletion(db: &mut Db, key: ResourceKey) -> Result<Option<Resource>> {
    db.query(sql!(resources!(), "r.key = $2 for update of r")).bind(key).find().await
}

/// A new resource, other than a root.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id.
    pub id: &'n ResourceId,
    /// The organization.
    pub organization_id: &'n OrganizationId,
    /// Its type.
    pub resource_type: ResourceTypeKey,
    /// The resource that it stands below.
    pub parent: ResourceKey,
    /// What the application calls it.
    pub external_id: &'n str,
    /// The name that people use.
    pub name: &'n str,
    /// What it is.
    pub description: Option<&'n str>,
}

/// Writes a new resource, with a row for each one above it.
pub async fn insert(db: &mut Db, new: New<'_>, now: Timestamp) -> Result<Resource> {
    db.query(sql!(
        "with r as (
             insert into resources (environment, id, organization_id, type, parent, external_id, name, description,
                                    created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
             returning *),
         above as (
             insert into resource_ancestors (descendant, ancestor, depth, type)
             select r.key, r.key, 0, r.type from r
             union all
             select r.key, a.ancestor, a.depth + 1, r.type from r join resource_ancestors a on a.descendant = r.parent)
         select ",
        columns!(),
        " from r",
        joined!()
    ))
    .bind(new.id)
    .bind(new.organization_id)
    .bind(new.resource_type)
    .bind(new.parent)
    .bind(new.external_id)
    .bind(new.name)
    .bind(new.description)
    .bind(now)
    .one()
    .await
    .on_constraint("resources_external_id_key", || {
        let message = format!("A resource of this type with the external id '{}' already exists.", new.external_id);
        Error::conflict("authorization_resource_external_id_conflict", message)
    })
    .on_constraint("resources_id_key", || {
        Error::conflict("authorization_resource_already_exists", "A resource with this id already exists.")
    })
}

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

/// Writes a changed resource. Its place is another matter: [`set_parent`].
pub async fn update(db: &mut Db, resource: &Resource) -> Result<()> {
    db.query(sql!(
        "update resources set name = $3, description = $4, updated_at = $5 where environment = $1 and key = $2"
    ))
    .bind(resource.key)
    .bind(&resource.name)
    .bind(resource.description.as_deref())
    .bind(resource.updated_at)
    .run()
    .await
    .map(drop)
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
pub async fn delete_ancestors(db: &mut Db, key: ResourceKey, parent: ResourceKey) -> Result<()> {
    db.query(sql!(
        "delete from resource_ancestors d
         using resources moved, resource_ancestors old, resource_ancestors below
         where moved.environment = $1 and moved.key = $2
           and old.descendant = moved.key and old.ancestor <> moved.key
           and not exists (
               select from resource_ancestors new where new.descendant = $3 and new.ancestor = old.ancestor)
           and below.ancestor = moved.key
           and d.descendant = below.descendant and d.ancestor = old.ancestor"
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

/// Removes a resource and all below it, with the roles that were given on them. The tree must be locked.
pub async fn delete(db: &mut Db, key: ResourceKey) -> Result<()> {
    db.query(sql!(
        "with gone as materialized (
             select a.descendant as key
             from resources r join resource_ancestors a on a.ancestor = r.key
             where r.environment = $1 and r.key = $2),
         assignments as (delete from role_assignments where resource in (select key from gone)),
         ancestors as (delete from resource_ancestors where descendant in (select key from gone))
         delete from resources where environment = $1 and key in (select key from gone)"
    ))
    .bind(key)
    .run()
    .await
    .map(drop)
}
