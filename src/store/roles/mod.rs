//! Roles, of the environment and of organizations. Their order within an organization is in [`orders`].

pub mod orders;

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, RoleId, RoleKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::keys::{PermissionKey, RoleKey};
use crate::model::roles::Role;
use crate::{page_sql, sql};

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
            " join organizations c on c.environment = r.environment and c.id = $2
              left join organization_role_orders o
                   on o.environment = r.environment and o.organization_id = c.id and o.role = r.key
              where r.environment = $1 and (r.organization_id is null or r.organization_id = c.id)"
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

/// The roles that an organization has, the environment's and its own, highest first. An organization without any is
/// none: the default role of the environment is always there.
pub async fn list_of_organization(db: &mut Db, organization: &OrganizationId) -> Result<Vec<Role>> {
    let roles: Vec<Role> =
        db.query(sql!("select ", columns!(), of_organization!(), by_priority!())).bind(organization).all().await?;
    if roles.is_empty() { Err(Error::missing(organization)) } else { Ok(roles) }
}

/// A page of the roles that belong to organizations.
pub async fn list_of_organizations(db: &mut Db, page: &Page<RoleKind>) -> Result<List<Role>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            tables!(),
            " where r.environment = $1 and r.organization_id is not null";
            "r.id"
        ),
        page,
    )
    .list(|role: &Role| role.id.as_str())
    .await
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

/// Where a role of this slug `$2` is that belongs to organization `$3`, or to the environment if that is null.
macro_rules! owned {
    () => {
        " from roles r where r.environment = $1 and r.slug = $2
          and (r.organization_id = $3::text or ($3::text is null and r.organization_id is null))"
    };
}

/// The role, held against other changes until the transaction ends, which lets it go on being assigned. Of the
/// environment, or of the organization if there is one.
///
/// Held first and read then: a statement that had to wait would show the permissions from before it waited.
pub async fn lock(db: &mut Db, organization: Option<&OrganizationId>, slug: &str) -> Result<Role> {
    let key: Option<RoleKey> = db
        .query(sql!("select r.key", owned!(), " for no key update"))
        .bind(slug)
        .bind(organization)
        .find_value()
        .await?;
    get_by_key(db, key.ok_or_else(|| missing(slug))?).await
}

/// The role, held against every use until the transaction ends: to be deleted.
pub async fn lock_for_deletion(db: &mut Db, organization: Option<&OrganizationId>, slug: &str) -> Result<Role> {
    let key: Option<RoleKey> =
        db.query(sql!("select r.key", owned!(), " for update")).bind(slug).bind(organization).find_value().await?;
    get_by_key(db, key.ok_or_else(|| missing(slug))?).await
}

async fn get_by_key(db: &mut Db, key: RoleKey) -> Result<Role> {
    db.query(sql!("select ", columns!(), tables!(), " where r.environment = $1 and r.key = $2")).bind(key).one().await
}

/// The roles of an organization's own, oldest first, held against every use until the transaction ends: to be deleted.
pub async fn lock_all_for_deletion(db: &mut Db, organization: &OrganizationId) -> Result<Vec<Role>> {
    db.query(sql!("select key from roles where environment = $1 and organization_id = $2 order by key for update"))
        .bind(organization)
        .run()
        .await?;
    db.query(sql!(
        "select ",
        columns!(),
        tables!(),
        " where r.environment = $1 and r.organization_id = $2 order by r.key"
    ))
    .bind(organization)
    .all()
    .await
}

/// The roles of the environment, highest first, held against other changes and against a change of their order. They are
/// held in the order of their keys, as everywhere.
pub async fn lock_all(db: &mut Db) -> Result<Vec<Role>> {
    let _held: Vec<i32> = db
        .query(sql!(
            "select key from roles where environment = $1 and organization_id is null order by key for no key update"
        ))
        .values()
        .await?;
    list(db).await
}

/// Gives a role another id.
pub async fn set_id(db: &mut Db, role: RoleKey, id: &RoleId) -> Result<()> {
    db.query(sql!("update roles set id = $3 where environment = $1 and key = $2"))
        .bind(role)
        .bind(id)
        .run()
        .await
        .map(drop)
        .on_constraint("roles_id_key", id_conflict)
}

fn id_conflict() -> Error {
    Error::conflict("role_already_exists", "A role with this id already exists.")
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
    let missing_type = || Error::missing_named("Resource type", &new.resource_type_slug);
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
    .on_constraint("roles_id_key", id_conflict)
    .on_constraint("roles_environment_slug_key", || Error::conflict("role_slug_conflict", message()))
    .on_constraint("roles_organization_slug_key", || Error::conflict("organization_role_slug_conflict", message()))
    .on_constraint("roles_resource_type_fkey", missing_type)?
    .ok_or_else(missing_type)
}

/// Writes a changed role.
pub async fn update(db: &mut Db, role: &Role) -> Result<()> {
    db.query(sql!("update roles set name = $3, description = $4, updated_at = $5 where environment = $1 and key = $2"))
        .bind(role.key)
        .bind(&role.name)
        .bind(role.description.as_deref())
        .bind(role.updated_at)
        .run()
        .await
        .map(drop)
}

/// Removes a role, with its assignments.
pub async fn delete(db: &mut Db, role: RoleKey) -> Result<()> {
    db.query(sql!("delete from roles where environment = $1 and key = $2")).bind(role).run().await.map(drop)
}

/// Whether any membership has the role for itself, on whatever resource.
pub async fn is_assigned(db: &mut Db, role: RoleKey) -> Result<bool> {
    db.query(sql!(
        "select exists (select from role_assignments where environment = $1 and role = $2 and not id ^@ 'gra_')"
    ))
    .bind(role)
    .value()
    .await
}

/// Whether any group has the role, on whatever resource.
pub async fn is_assigned_to_group(db: &mut Db, role: RoleKey) -> Result<bool> {
    db.query(sql!("select exists (select from role_assignments where environment = $1 and role = $2 and id ^@ 'gra_')"))
        .bind(role)
        .value()
        .await
}

/// Gives a role these permissions besides those that it has.
pub async fn insert_permissions(db: &mut Db, role: RoleKey, permissions: &[PermissionKey]) -> Result<()> {
    db.query(sql!(
        "insert into role_permissions (environment, role, permission)
         select $1, $2, permission from unnest($3::integer[]) as new (permission)
         on conflict do nothing"
    ))
    .bind(role)
    .bind(permissions)
    .run()
    .await
    .map(drop)
}

/// Takes from a role all permissions but those of these slugs.
pub async fn retain_permissions(db: &mut Db, role: RoleKey, slugs: &[String]) -> Result<()> {
    db.query(sql!(
        "delete from role_permissions rp using permissions p
         where rp.environment = $1 and rp.role = $2 and p.environment = $1 and p.key = rp.permission
           and p.slug <> all($3)"
    ))
    .bind(role)
    .bind(slugs)
    .run()
    .await
    .map(drop)
}

/// Holds the roles that have a permission against other changes until the transaction ends.
pub async fn lock_having(db: &mut Db, permission: PermissionKey) -> Result<()> {
    db.query(sql!(
        "select r.key from role_permissions rp join roles r on r.environment = rp.environment and r.key = rp.role
         where rp.environment = $1 and rp.permission = $2
         order by r.key for no key update of r"
    ))
    .bind(permission)
    .run()
    .await
    .map(drop)
}

/// Takes a permission from all roles; those that had it.
pub async fn delete_permission(db: &mut Db, permission: PermissionKey) -> Result<Vec<RoleKey>> {
    db.query(sql!("delete from role_permissions where environment = $1 and permission = $2 returning role"))
        .bind(permission)
        .values()
        .await
}

/// Notes that these roles were changed at this moment; the roles as they are now, in the order of their making.
pub async fn touch(db: &mut Db, roles: &[RoleKey], now: Timestamp) -> Result<Vec<Role>> {
    db.query(sql!(
        "with r as (update roles set updated_at = $3 where environment = $1 and key = any($2) returning *)
         select ",
        columns!(),
        " from r join resource_types t on t.key = r.resource_type order by r.key"
    ))
    .bind(roles)
    .bind(now)
    .all()
    .await
}

fn missing(slug: &str) -> Error {
    Error::missing_named("Role", slug)
}
