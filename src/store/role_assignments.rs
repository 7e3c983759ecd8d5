//! Role assignments: which subject has which role on which resource.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, RoleAssignmentId};
use crate::kernel::{Error, Result};
use crate::model::keys::{RoleKey, SubjectKey};
use crate::sql;

/// A new subject: the number by which assignments will know it.
pub async fn next_subject(db: &mut Db) -> Result<SubjectKey> {
    db.query(sql!("select nextval('subjects') where $1::integer is not null")).value().await
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
