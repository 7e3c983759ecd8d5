//! Roles, of the environment and of organizations.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, RoleId};
use crate::kernel::{Error, Result};
use crate::model::roles::Role;
use crate::sql;

/// The columns of a role `r` with its type `t`.
macro_rules! columns {
    () => {
        "r.key, r.id, r.slug, r.name, r.description, r.organization_id, r.resource_type,
         case when r.organization_id is null then 'EnvironmentRole' else 'OrganizationRole' end as role_type,
         t.slug as resource_type_slug,
         array(select p.slug
               from role_permissions rp join permissions p on p.environment = rp.environment and p.key = rp.permission
               where rp.environment = r.environment and rp.role = r.key
               order by p.slug) as permissions,
         r.created_at, r.updated_at"
    };
}

/// Roles `r` with their types `t`.
macro_rules! tables {
    () => {
        " from roles r join resource_types t on t.environment = r.environment and t.key = r.resource_type"
    };
}

/// Roles that organization `$2` has, with their place `o` in its order if it has an order of its own.
macro_rules! of_organization {
    () => {
        concat!(
            tables!(),
            " left join organization_role_orders o
                   on o.environment = r.environment and o.organization_id = $2 and o.role = r.key
              where r.environment = $1 and (r.organization_id is null or r.organization_id = $2)"
        )
    };
}

/// The order of an organization's roles, highest first. Two roles made at the same moment may share a place.
macro_rules! by_priority {
    () => {
        " order by o.priority nulls last, r.priority, r.key"
    };
}

/// The roles of the environment, highest first.
pub async fn list(db: &mut Db) -> Result<Vec<Role>> {
    db.query(sql!(
        "select ",
        columns!(),
        tables!(),
        " where r.environment = $1 and r.organization_id is null order by r.priority, r.key"
    ))
    .all()
    .await
}

/// The roles that an organization has, the environment's and its own, highest first.
pub async fn list_of_organization(db: &mut Db, organization: &OrganizationId) -> Result<Vec<Role>> {
    db.query(sql!("select ", columns!(), of_organization!(), by_priority!())).bind(organization).all().await
}

/// The role of the environment that must be there.
pub async fn get(db: &mut Db, slug: &str) -> Result<Role> {
    db.query(sql!(
        "select ",
        columns!(),
        tables!(),
        " where r.environment = $1 and r.organization_id is null and r.slug = $2"
    ))
    .bind(slug)
    .find()
    .await?
    .ok_or_else(|| missing(slug))
}

/// The role that an organization must have under this slug: its own, or else the environment's.
pub async fn get_of_organization(db: &mut Db, organization: &OrganizationId, slug: &str) -> Result<Role> {
    db.query(sql!(
        "select ",
        columns!(),
        of_organization!(),
        " and r.slug = $3 order by r.organization_id nulls last limit 1"
    ))
    .bind(organization)
    .bind(slug)
    .find()
    .await?
    .ok_or_else(|| missing(slug))
}

/// The roles of these slugs in an organization, its own before the environment's, highest first. Until the transaction
/// ends, none of them can be deleted.
pub async fn hold_of_organization(db: &mut Db, organization: &OrganizationId, slugs: &[String]) -> Result<Vec<Role>> {
    db.query(sql!(
        "select ",
        columns!(),
        of_organization!(),
        " and r.slug = any($3)
          and (r.organization_id is not null or not exists (
              select from roles s where s.environment = $1 and s.organization_id = $2 and s.slug = r.slug))",
        by_priority!(),
        " for key share of r"
    ))
    .bind(organization)
    .bind(slugs)
    .all()
    .await
}

/// The role that members of an organization have who were given none. Until the transaction ends, it cannot be deleted.
///
/// None only at the very moment in which the default is replaced and deleted: ask again.
pub async fn hold_default(db: &mut Db, organization: &OrganizationId) -> Result<Option<Role>> {
    db.query(sql!(
        "select ",
        columns!(),
        tables!(),
        " where r.environment = $1 and r.key = coalesce(
              (select o.role from organization_role_orders o
               where o.environment = $1 and o.organization_id = $2 and o.is_default),
              (select d.key from roles d where d.environment = $1 and d.is_default))
          for key share of r"
    ))
    .bind(organization)
    .find()
    .await
}

/// The role, held against other changes until the transaction ends, which lets it go on being assigned. Of the
/// environment, or of the organization if there is one.
pub async fn lock(db: &mut Db, organization: Option<&OrganizationId>, slug: &str) -> Result<Role> {
    let found = match organization {
        None => db
            .query(sql!(
                "select ",
                columns!(),
                tables!(),
                " where r.environment = $1 and r.organization_id is null and r.slug = $2 for no key update of r"
            ))
            .bind(slug),
        Some(organization) => db
            .query(sql!(
                "select ",
                columns!(),
                tables!(),
                " where r.environment = $1 and r.slug = $2 and r.organization_id = $3 for no key update of r"
            ))
            .bind(slug)
            .bind(organization),
    };
    found.find().await?.ok_or_else(|| missing(slug))
}

/// A new role.
#[derive(Debug)]
pub struct New {
    /// Its id.
    pub id: RoleId,
    /// The organization, if it belongs to one.
    pub organization_id: Option<OrganizationId>,
    /// The name that programs use.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The type of resources that it is given on, by its slug.
    pub resource_type_slug: String,
    /// Whether it is the default role of the environment.
    pub is_default: bool,
}

/// Writes a new role, the lowest in the order of the environment if it belongs to it.
pub async fn insert(db: &mut Db, new: &New, now: Timestamp) -> Result<Role> {
    let message = || format!("A role with the slug '{}' already exists.", new.slug);
    db.query(sql!(
        "with r as (
             insert into roles (environment, id, organization_id, slug, name, description, resource_type, is_default,
                                priority, created_at, updated_at)
             select $1, $2, $3::text, $4, $5, $6, t.key, $8,
                    case when $3::text is null then
                        (select coalesce(max(l.priority), 0) + 1 from roles l
                         where l.environment = $1 and l.organization_id is null)
                    end,
                    $9, $9
             from resource_types t where t.environment = $1 and t.slug = $7
             returning *)
         select ",
        columns!(),
        " from r join resource_types t on t.key = r.resource_type"
    ))
    .bind(&new.id)
    .bind(new.organization_id.as_ref())
    .bind(&new.slug)
    .bind(&new.name)
    .bind(new.description.as_deref())
    .bind(&new.resource_type_slug)
    .bind(new.is_default)
    .bind(now)
    .find()
    .await
    .on_constraint("roles_environment_slug_key", || Error::conflict("role_slug_conflict", message()))
    .on_constraint("roles_organization_slug_key", || Error::conflict("organization_role_slug_conflict", message()))?
    .ok_or_else(|| Error::missing_named("Resource type", &new.resource_type_slug))
}

fn missing(slug: &str) -> Error {
    Error::missing_named("Role", slug)
}
