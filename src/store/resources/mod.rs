//! Resources: found, listed and written. The trees that they form are in [`tree`], very many at a time in [`many`].

pub mod many;
pub mod tree;

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

/// The columns of a resource `r` with what `joined` adds. A root goes by its organization's name and external id.
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
// page costs more for what lies beside it. Type and key are bounded and ordered together, as a row: the planner, which
// knows nothing of the values, could otherwise walk along the primary key and pass over millions of other types. For the
// same reason the bound at which nobody begins to read is held against what was read, and no filter is asked that a list
// does not have.
macro_rules! page_from {
    () => {
        concat!(
            "with b as materialized (
                 select coalesce((select c.key from resources c
                                  where c.environment = $1 and c.id <= $2 order by c.id desc limit 1), 0) as low,
                        case when $3::text is null then 9223372036854775807 else coalesce(
                            (select c.key + (c.id <> $3)::integer from resources c
                             where c.environment = $1 and c.id <= $3 order by c.id desc limit 1), 0) end as high,
                        $6::text as organization_id, $7::text as external_id)
             select ",
            columns!(),
            " from (select u.key from b cross join resource_types k"
        )
    };
}

/// So many resources `r` of each type `k`, to be told where.
macro_rules! of_each_type {
    () => {
        " cross join lateral (select r.type, r.key from resources r where r.environment = $1"
    };
}

macro_rules! of_any_organization {
    () => {
        " and ($6::text is null or r.organization_id = $6)"
    };
}

macro_rules! search {
    () => {
        " and ($8::text is null or position(lower($8) in lower(r.name)) > 0
               or position(lower($8) in lower(r.external_id)) > 0)"
    };
}

macro_rules! upwards {
    () => {
        concat!(
            " and (r.type, r.key) > (k.key, b.low)",
            search!(),
            " order by r.type asc, r.key asc limit $4) u
              where u.type = k.key and u.key < b.high and k.environment = $1 and ($5::text is null or k.slug = $5)"
        )
    };
}

macro_rules! downwards {
    () => {
        concat!(
            " and (r.type, r.key) < (k.key, b.high)",
            search!(),
            " order by r.type desc, r.key desc limit $4) u
              where u.type = k.key and u.key > b.low and k.environment = $1 and ($5::text is null or k.slug = $5)"
        )
    };
}

/// Roots go by their organizations' external ids and ids.
macro_rules! roots_of_external_id {
    () => {
        " union all
          select r.key
          from b cross join organizations c
          join resources r on r.environment = $1 and r.organization_id = c.id and r.parent is null
          where c.environment = $1 and (c.id = $7 or c.external_id = $7) and ($5::text is null or $5 = 'organization')
            and ($6::text is null or c.id = $6) and r.key > b.low and r.key < b.high"
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

macro_rules! of_organization {
    () => {
        concat!(page_from!(), of_each_type!(), " and r.organization_id = $6")
    };
}

macro_rules! of_external_id {
    () => {
        concat!(page_from!(), of_each_type!(), " and r.external_id = $7", of_any_organization!())
    };
}

macro_rules! of_parents {
    () => {
        concat!(
            page_from!(),
            " cross join unnest($9::bigint[]) as above (key)",
            of_each_type!(),
            " and r.parent = above.key and ($7::text is null or r.external_id = $7)",
            of_any_organization!()
        )
    };
}

impl Filter {
    /// The statement that finds them by the index that knows most of what is asked.
    fn statement(&self) -> PageSql {
        match (&self.parents, &self.external_id, &self.organization) {
            (Some(_), _, _) => PageSql {
                ascending: sql!(of_parents!(), upwards!(), page_end!("asc")),
                descending: sql!(of_parents!(), downwards!(), page_end!("desc")),
            },
            (None, Some(_), _) => PageSql {
                ascending: sql!(of_external_id!(), upwards!(), roots_of_external_id!(), page_end!("asc")),
                descending: sql!(of_external_id!(), downwards!(), roots_of_external_id!(), page_end!("desc")),
            },
            (None, None, Some(_)) => PageSql {
                ascending: sql!(of_organization!(), upwards!(), page_end!("asc")),
                descending: sql!(of_organization!(), downwards!(), page_end!("desc")),
            },
            (None, None, None) => PageSql {
                ascending: sql!(page_from!(), of_each_type!(), upwards!(), page_end!("asc")),
                descending: sql!(page_from!(), of_each_type!(), downwards!(), page_end!("desc")),
            },
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

/// Writes a changed resource. Its place is another matter: [`tree`].
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
