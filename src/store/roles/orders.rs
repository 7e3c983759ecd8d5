//! The order and the default of roles: the environment's, and those of organizations that have their own.

use crate::db::Db;
use crate::kernel::id::OrganizationId;
use crate::kernel::{Error, Result};
use crate::model::keys::RoleKey;
use crate::sql;

/// Those of the organizations that have an order of their own.
pub async fn list_owners(db: &mut Db, organizations: &[&OrganizationId]) -> Result<Vec<OrganizationId>> {
    db.query(sql!(
        "select distinct organization_id from organization_role_orders
         where environment = $1 and organization_id = any($2)"
    ))
    .bind(organizations)
    .values()
    .await
}

/// Holds an organization's order against other changes until the transaction ends.
pub async fn lock(db: &mut Db, organization: &OrganizationId) -> Result<()> {
    let found: Option<i32> = db
        .query(sql!("select 1 from organizations where environment = $1 and id = $2 for no key update"))
        .bind(organization)
        .find_value()
        .await?;
    found.map(drop).ok_or_else(|| Error::missing(organization))
}

/// Gives an organization an order of its own, with the environment's default, or adds to the bottom of the order that
/// it has the roles that the environment has made since. The order must be locked.
pub async fn complete(db: &mut Db, organization: &OrganizationId) -> Result<()> {
    db.query(sql!(
        "with own as (
             select o.role, o.priority from organization_role_orders o
             where o.environment = $1 and o.organization_id = $2),
         missing as (
             select r.key, r.priority, r.is_default from roles r
             where r.environment = $1 and r.organization_id is null and r.key not in (select role from own)
             for key share)
         insert into organization_role_orders (environment, organization_id, role, priority, is_default)
         select $1, $2, m.key,
                (select coalesce(max(priority), 0) from own) + row_number() over (order by m.priority, m.key),
                m.is_default and not exists (select from own)
         from missing m"
    ))
    .bind(organization)
    .run()
    .await
    .map(drop)
}

/// Adds a role to the bottom of an organization's own order, which must be complete and locked.
pub async fn append(db: &mut Db, organization: &OrganizationId, role: RoleKey) -> Result<()> {
    db.query(sql!(
        "insert into organization_role_orders (environment, organization_id, role, priority)
         select $1, $2, $3, coalesce(max(priority), 0) + 1
         from organization_role_orders where environment = $1 and organization_id = $2"
    ))
    .bind(organization)
    .bind(role)
    .run()
    .await
    .map(drop)
}

/// Puts the roles of the environment in this order.
pub async fn replace_of_environment(db: &mut Db, roles: &[RoleKey]) -> Result<()> {
    db.query(sql!(
        "update roles r set priority = new.place
         from unnest($2::integer[]) with ordinality as new (role, place)
         where r.environment = $1 and r.organization_id is null and r.key = new.role"
    ))
    .bind(roles)
    .run()
    .await
    .map(drop)
}

/// Puts the roles of an organization in this order, which must be complete and locked.
pub async fn replace(db: &mut Db, organization: &OrganizationId, roles: &[RoleKey]) -> Result<()> {
    db.query(sql!(
        "update organization_role_orders o set priority = new.place
         from unnest($3::integer[]) with ordinality as new (role, place)
         where o.environment = $1 and o.organization_id = $2 and o.role = new.role"
    ))
    .bind(organization)
    .bind(roles)
    .run()
    .await
    .map(drop)
}

/// The default role of the environment.
pub async fn find_default_of_environment(db: &mut Db) -> Result<Option<RoleKey>> {
    db.query(sql!("select key from roles where environment = $1 and is_default")).find_value().await
}

/// The default role of an organization: its own choice, or else the environment's.
pub async fn find_default(db: &mut Db, organization: &OrganizationId) -> Result<Option<RoleKey>> {
    db.query(sql!(
        "select coalesce(
             (select o.role from organization_role_orders o
              where o.environment = $1 and o.organization_id = $2 and o.is_default),
             (select r.key from roles r where r.environment = $1 and r.is_default))"
    ))
    .bind(organization)
    .value()
    .await
}

/// Leaves the environment without a default role, for the moment until [`set_default_of_environment`].
pub async fn clear_default_of_environment(db: &mut Db) -> Result<()> {
    db.query(sql!("update roles set is_default = false where environment = $1 and is_default")).run().await.map(drop)
}

/// Makes this the default role of the environment.
pub async fn set_default_of_environment(db: &mut Db, role: RoleKey) -> Result<()> {
    db.query(sql!("update roles set is_default = true where environment = $1 and key = $2"))
        .bind(role)
        .run()
        .await
        .map(drop)
}

/// Leaves an organization without a default role of its own.
pub async fn clear_default(db: &mut Db, organization: &OrganizationId) -> Result<()> {
    db.query(sql!(
        "update organization_role_orders set is_default = false
         where environment = $1 and organization_id = $2 and is_default"
    ))
    .bind(organization)
    .run()
    .await
    .map(drop)
}

/// Makes this the default role of an organization, whose order must be complete and locked.
pub async fn set_default(db: &mut Db, organization: &OrganizationId, role: RoleKey) -> Result<()> {
    db.query(sql!(
        "update organization_role_orders set is_default = true
         where environment = $1 and organization_id = $2 and role = $3"
    ))
    .bind(organization)
    .bind(role)
    .run()
    .await
    .map(drop)
}

/// Holds the organizations that have a role of the environment in their order, or assigned, against deletion until the
/// transaction ends.
pub async fn hold_organizations(db: &mut Db, role: RoleKey) -> Result<()> {
    db.query(sql!(
        "select true from organizations c
         where c.environment = $1 and c.id in (
             select a.organization_id from role_assignments a where a.environment = $1 and a.role = $2
             union
             select o.organization_id from organization_role_orders o where o.environment = $1 and o.role = $2)
         order by c.id for key share"
    ))
    .bind(role)
    .run()
    .await
    .map(drop)
}

/// Takes a role of the environment out of the orders of all organizations: those whose default it was have the
/// environment's again.
pub async fn delete(db: &mut Db, role: RoleKey) -> Result<()> {
    db.query(sql!("delete from organization_role_orders where environment = $1 and role = $2"))
        .bind(role)
        .run()
        .await
        .map(drop)
}
