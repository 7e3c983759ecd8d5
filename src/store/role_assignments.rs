//! Role assignments: which subject has which role on which resource.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, RoleAssignmentId};
use crate::kernel::{Error, Result};
use crate::model::keys::{RoleKey, SubjectKey};
use crate::sql;

/// Whether a membership may have several roles in its organization, which cannot change until the transaction ends.
pub async fn hold_multiple_roles(db: &mut Db) -> Result<bool> {
    db.query(sql!("select multiple_roles from environments where key = $1 for share")).value().await
}

/// The roles of a subject on the root of its organization.
pub async fn list_roles_on_root(
    db: &mut Db,
    organization: &OrganizationId,
    subject: SubjectKey,
) -> Result<Vec<RoleKey>> {
    db.query(sql!(
        "select a.role
         from resources root join role_assignments a on a.resource = root.key
         where root.environment = $1 and root.organization_id = $2 and root.parent is null and a.subject = $3
         order by a.role"
    ))
    .bind(organization)
    .bind(subject)
    .values()
    .await
}

/// Writes assignments of these roles, each with its id, on the root of the organization.
pub async fn insert_on_root(
    db: &mut Db,
    organization: &OrganizationId,
    subject: SubjectKey,
    (ids, roles): (&[RoleAssignmentId], &[RoleKey]),
    now: Timestamp,
) -> Result<()> {
    db.query(sql!(
        "insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
         select $1, new.id, $2, $3, new.role, root.key, $6, $6
         from resources root, unnest($4::text[], $5::integer[]) as new (id, role)
         where root.environment = $1 and root.organization_id = $2 and root.parent is null"
    ))
    .bind(organization)
    .bind(subject)
    .bind(ids)
    .bind(roles)
    .bind(now)
    .run()
    .await
    .map(drop)
    .on_constraint("role_assignments_role_fkey", || {
        Error::unprocessable("invalid_role", "The role has been deleted and is no longer a valid role.")
    })
}

/// Removes the assignments of these roles on the root of the organization.
pub async fn delete_on_root(
    db: &mut Db,
    organization: &OrganizationId,
    subject: SubjectKey,
    roles: &[RoleKey],
) -> Result<()> {
    db.query(sql!(
        "delete from role_assignments a using resources root
         where root.environment = $1 and root.organization_id = $2 and root.parent is null
           and a.resource = root.key and a.subject = $3 and a.role = any($4)"
    ))
    .bind(organization)
    .bind(subject)
    .bind(roles)
    .run()
    .await
    .map(drop)
}

/// Removes every assignment of these subjects.
pub async fn delete_of_subjects(db: &mut Db, subjects: &[SubjectKey]) -> Result<()> {
    db.query(sql!("delete from role_assignments where environment = $1 and subject = any($2::bigint[])"))
        .bind(subjects)
        .run()
        .await
        .map(drop)
}

/// Removes every assignment of a role; the subjects that had it in an organization as a whole.
pub async fn delete_of_role(db: &mut Db, role: RoleKey) -> Result<Vec<SubjectKey>> {
    db.query(sql!(
        "with gone as (
             delete from role_assignments where environment = $1 and role = $2 returning subject, resource)
         select gone.subject from gone join resources root on root.key = gone.resource and root.parent is null
         order by gone.subject"
    ))
    .bind(role)
    .values()
    .await
}

/// Gives those memberships of these subjects that have no role in their organization its default role. There is an id
/// for each, to be used or not.
pub async fn insert_defaults(
    db: &mut Db,
    (ids, subjects): (&[RoleAssignmentId], &[SubjectKey]),
    now: Timestamp,
) -> Result<()> {
    db.query(sql!(
        "insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
         select $1, new.id, m.organization_id, m.subject, coalesce(o.role, d.key), root.key, $4, $4
         from unnest($2::text[], $3::bigint[]) as new (id, subject)
         join organization_memberships m on m.environment = $1 and m.subject = new.subject
         join resources root
           on root.environment = $1 and root.organization_id = m.organization_id and root.parent is null
         join roles d on d.environment = $1 and d.is_default
         left join organization_role_orders o
           on o.environment = $1 and o.organization_id = m.organization_id and o.is_default
         where not exists (select from role_assignments a where a.subject = m.subject and a.resource = root.key)"
    ))
    .bind(ids)
    .bind(subjects)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// Leaves every membership only the highest of the roles that it has in its organization; the subjects that lost any.
pub async fn delete_lower(db: &mut Db) -> Result<Vec<SubjectKey>> {
    db.query(sql!(
        "with ranked as (
             select a.key, row_number() over (
                        partition by a.subject order by o.priority nulls last, r.priority, r.key) as place
             from organization_memberships m
             join resources root
               on root.environment = $1 and root.organization_id = m.organization_id and root.parent is null
             join role_assignments a on a.subject = m.subject and a.resource = root.key
             join roles r on r.environment = $1 and r.key = a.role
             left join organization_role_orders o
               on o.environment = $1 and o.organization_id = m.organization_id and o.role = a.role
             where m.environment = $1),
         gone as (
             delete from role_assignments a using ranked
             where a.key = ranked.key and ranked.place > 1
             returning a.subject)
         select distinct subject from gone order by subject"
    ))
    .values()
    .await
}
