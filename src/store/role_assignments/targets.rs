//! What roles are assigned on: resources, in the ways in which requests name them.

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, ResourceTypeKey};
use crate::model::resources::ResourceTarget;
use crate::model::role_assignments::AssignedResource;
use crate::sql;

/// A resource on which roles can be assigned.
#[derive(Debug, Clone, FromRow)]
pub struct Target {
    /// The key by which rows name it.
    pub key: ResourceKey,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its type, of which the roles on it must be.
    pub resource_type: ResourceTypeKey,
    /// Whether it is the root of the organization's tree.
    pub is_root: bool,
    /// How assignments name it.
    #[sqlx(flatten)]
    pub resource: AssignedResource,
}

#[derive(FromRow)]
struct Found {
    place: i64,
    #[sqlx(flatten)]
    target: Target,
}

macro_rules! columns {
    () => {
        "r.key, r.organization_id, r.type as resource_type, r.parent is null as is_root, r.id as resource_id,
         coalesce(r.external_id, o.external_id, o.id) as resource_external_id, t.slug as resource_type_slug"
    };
}

/// The resource of this id, in whatever organization.
pub async fn get(db: &mut Db, id: &ResourceId) -> Result<Target> {
    db.query(sql!(
        "select ",
        columns!(),
        " from resources r
          join organizations o on o.environment = r.environment and o.id = r.organization_id
          join resource_types t on t.environment = r.environment and t.key = r.type
          where r.environment = $1 and r.id = $2"
    ))
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// The resources of an organization that these name, each in its place, None where there is none of that name. Where
/// nothing is named, it is the root. Each is found by a key, and all of them in one round trip. The type is not joined: the
/// planner would look for external ids among all types, where it knows nothing of them yet.
pub async fn find_all(
    db: &mut Db,
    organization: &OrganizationId,
    named: &[Option<&ResourceTarget>],
) -> Result<Vec<Option<Target>>> {
    let (mut ids, mut types, mut external_ids) = (Vec::new(), Vec::new(), Vec::new());
    for target in named {
        let (id, slug, external_id) = match target {
            None => (None, None, None),
            Some(ResourceTarget::Id(id)) => (Some(id.as_str()), None, None),
            Some(ResourceTarget::External { resource_type_slug, external_id }) => {
                (None, Some(resource_type_slug.as_str()), Some(external_id.as_str()))
            }
        };
        ids.push(id);
        types.push(slug);
        external_ids.push(external_id);
    }
    let found: Vec<Found> = db
        .query(sql!(
            "select n.place, ",
            columns!(),
            " from unnest($3::text[], $4::text[], $5::text[]) with ordinality as n (id, type_slug, external_id, place)
              join organizations o on o.environment = $1 and o.id = $2
              cross join lateral (
                  select e.key from resources e where e.environment = $1 and e.id = n.id
                  union all
                  select e.key from resources e
                  where e.environment = $1 and e.organization_id = $2 and e.external_id = n.external_id
                    and e.type = (select k.key from resource_types k
                                  where k.environment = $1 and k.slug = n.type_slug)
                  union all
                  select e.key from resources e
                  where e.environment = $1 and e.organization_id = $2 and e.parent is null and n.id is null
                    and (n.type_slug is null
                         or n.type_slug = 'organization' and n.external_id in (o.id, o.external_id))) as found
              join resources r on r.key = found.key and r.organization_id = $2
              join resource_types t on t.environment = r.environment and t.key = r.type"
        ))
        .bind(organization)
        .bind(ids)
        .bind(types)
        .bind(external_ids)
        .all()
        .await?;
    let mut targets = vec![None; named.len()];
    for Found { place, target } in found {
        let place = usize::try_from(place - 1).map_err(Error::internal)?;
        if let Some(slot) = targets.get_mut(place) {
            *slot = Some(target);
        }
    }
    Ok(targets)
}

/// The resource of an organization that this names.
pub async fn get_of_organization(db: &mut Db, organization: &OrganizationId, named: &ResourceTarget) -> Result<Target> {
    let found = find_all(db, organization, &[Some(named)]).await?.pop().flatten();
    found.ok_or_else(|| missing(named))
}

/// There is no resource of this name.
pub fn missing(named: &ResourceTarget) -> Error {
    let name = match named {
        ResourceTarget::Id(id) => id.as_str(),
        ResourceTarget::External { external_id, .. } => external_id,
    };
    Error::missing_named("Authorization resource", name)
}

/// The keys of the resources of an organization of this id, or of this external id and whatever type; with a type, only
/// those of it.
pub async fn list_keys(
    db: &mut Db,
    organization: &OrganizationId,
    id: Option<&ResourceId>,
    (external_id, type_slug): (Option<&str>, Option<&str>),
) -> Result<Vec<ResourceKey>> {
    db.query(sql!(
        "select r.key
         from organizations o
         cross join lateral (
             select e.key from resources e where e.environment = $1 and e.id = $3
             union all
             select e.key from resource_types k
             join resources e on e.environment = $1 and e.organization_id = $2 and e.type = k.key and e.external_id = $4
             where k.environment = $1 and $3::text is null
             union all
             select e.key from resources e
             where e.environment = $1 and e.organization_id = $2 and e.parent is null and $3::text is null) as found
         join resources r on r.key = found.key and r.organization_id = o.id
         join resource_types t on t.environment = r.environment and t.key = r.type
         where o.environment = $1 and o.id = $2
           and ($4::text is null or r.external_id = $4 or (r.parent is null and $4 in (o.id, o.external_id)))
           and ($5::text is null or t.slug = $5)"
    ))
    .bind(organization)
    .bind(id)
    .bind(external_id)
    .bind(type_slug)
    .values()
    .await
}
