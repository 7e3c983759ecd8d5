//! Role assignments: which subject has which role on which resource. A subject is a membership or a group; the id of a
//! group's assignment begins with `gra_`. Their lists are in [`lists`], very many at a time in [`many`], what they are on in
//! [`targets`].

pub mod lists;
pub mod many;
pub mod targets;

use sqlx::FromRow;

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{GroupRoleAssignmentId, OrganizationId, RoleAssignmentId};
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, RoleKey, SubjectKey};
use crate::sql;

/// An assignment, as a rule needs to know it.
#[derive(Debug, Clone, FromRow)]
pub struct Held {
    /// Its id, whichever kind of subject it is of.
    pub id: String,
    /// The role.
    pub role: RoleKey,
    /// The resource.
    pub resource: ResourceKey,
    /// Whether that is the root of the organization's tree.
    pub is_on_root: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! held {
    () => {
        "select a.id, a.role, a.resource, r.parent is null as is_on_root, a.created_at
         from role_assignments a join resources r on r.key = a.resource
         where a.environment = $1 and a.subject = $2"
    };
}

/// What a subject was given under this id.
pub async fn find_by_id(db: &mut Db, subject: SubjectKey, id: &str) -> Result<Option<Held>> {
    db.query(sql!(held!(), " and a.id = $3")).bind(subject).bind(id).find().await
}

/// The assignment of this role on this resource, if the subject has it.
pub async fn find(db: &mut Db, subject: SubjectKey, (role, resource): (RoleKey, ResourceKey)) -> Result<Option<Held>> {
    db.query(sql!(held!(), " and a.role = $3 and a.resource = $4")).bind(subject).bind(role).bind(resource).find().await
}

/// All assignments of a subject, oldest first, held against deletion until the transaction ends. In the order of keys, as
/// everybody who deletes several.
pub async fn lock_all(db: &mut Db, subject: SubjectKey) -> Result<Vec<Held>> {
    db.query(sql!(held!(), " order by a.key for update of a")).bind(subject).all().await
}

/// Whether a subject has that many assignments.
pub async fn has_at_least(db: &mut Db, subject: SubjectKey, many: i64) -> Result<bool> {
    db.query(sql!(
        "select count(*) >= $3
         from (select from role_assignments where environment = $1 and subject = $2 limit $3) as counted"
    ))
    .bind(subject)
    .bind(many)
    .value()
    .await
}

/// Whether a membership has something by this assignment of a group.
pub async fn is_through_group(db: &mut Db, membership: SubjectKey, assignment: &GroupRoleAssignmentId) -> Result<bool> {
    db.query(sql!(
        "select exists (
             select from role_assignments a
             join group_members b on b.environment = $1 and b.membership_subject = $2 and b.group_subject = a.subject
             where a.environment = $1 and a.id = $3)"
    ))
    .bind(membership)
    .bind(assignment)
    .value()
    .await
}

/// Whether a membership has this role on this resource through any of its groups.
pub async fn is_through_any_group(
    db: &mut Db,
    membership: SubjectKey,
    (role, resource): (RoleKey, ResourceKey),
) -> Result<bool> {
    db.query(sql!(
        "select exists (
             select from group_members b
             join role_assignments a on a.subject = b.group_subject and a.resource = $4 and a.role = $3
             where b.environment = $1 and b.membership_subject = $2)"
    ))
    .bind(membership)
    .bind(role)
    .bind(resource)
    .value()
    .await
}

/// A new assignment.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id, of the kind that its subject wants.
    pub id: &'n str,
    /// Whose it is.
    pub subject: SubjectKey,
    /// The role.
    pub role: RoleKey,
    /// The resource.
    pub resource: ResourceKey,
}

/// Writes assignments in an organization; how many there were not yet.
pub async fn insert(db: &mut Db, organization: &OrganizationId, new: &[New<'_>], now: Timestamp) -> Result<u64> {
    let ids: Vec<_> = new.iter().map(|new| new.id).collect();
    let subjects: Vec<_> = new.iter().map(|new| new.subject).collect();
    let (roles, resources): (Vec<_>, Vec<_>) = new.iter().map(|new| (new.role, new.resource)).unzip();
    db.query(sql!(
        "insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
         select $1, new.id, $2, new.subject, new.role, new.resource, $7, $7
         from unnest($3::text[], $4::bigint[], $5::integer[], $6::bigint[]) with ordinality
              as new (id, subject, role, resource, place)
         order by new.place
         on conflict on constraint role_assignments_subject_key do nothing"
    ))
    .bind(organization)
    .bind(ids)
    .bind(subjects)
    .bind(roles)
    .bind(resources)
    .bind(now)
    .run()
    .await
    // Roles are held, resources are not: one may have been deleted since it was found.
    .on_constraint("role_assignments_resource_fkey", || {
        Error::missing_named("Authorization resource", "deleted meanwhile")
    })
}

/// Removes those of a subject's assignments that have these ids; how many there were.
pub async fn delete(db: &mut Db, subject: SubjectKey, ids: &[&str]) -> Result<u64> {
    db.query(sql!("delete from role_assignments where environment = $1 and subject = $2 and id = any($3)"))
        .bind(subject)
        .bind(ids)
        .run()
        .await
}

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
