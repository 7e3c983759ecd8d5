//! What explains a decision: the assignments of a membership and its groups, seen from a resource.
//!
//! For the operator, who asks once: these statements read all that the membership was given.

use sqlx::FromRow;

use crate::db::Db;
use crate::db::statement::Sql;
use crate::kernel::Result;
use crate::kernel::id::{GroupId, OrganizationId, ResourceId};
use crate::model::keys::{PermissionKey, ResourceKey, SubjectKey};
use crate::model::organization_memberships::Status;
use crate::sql;

use super::{Question, Ways, named};

/// What a question is about.
#[derive(Debug, FromRow)]
pub struct Asked {
    /// The number by which role assignments know the membership.
    pub subject: SubjectKey,
    /// Whether it is active.
    pub status: Status,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The resource, if the organization has it.
    pub resource: Option<ResourceKey>,
    /// The id of that one.
    pub resource_id: Option<ResourceId>,
    /// The permission, if there is one of this slug.
    pub permission: Option<PermissionKey>,
}

// A statement is put together of this, how the resource is found, and what follows.
macro_rules! asked {
    () => {
        "select m.subject, m.status, m.organization_id, r.key as resource, r.id as resource_id, p.key as permission
         from (select $4::text as name, $5::text as type) q
         cross join organization_memberships m
         left join permissions p on p.environment = $1 and p.slug = $3
         left join lateral ("
    };
}

macro_rules! found {
    () => {
        ") x on true
         left join resources r on r.key = x.key
         where m.environment = $1 and m.id = $2"
    };
}

const FIND: Ways<Sql> = Ways {
    by_id: sql!(asked!(), of_id!(), found!()),
    by_external_id: sql!(asked!(), of_external_id!(), found!()),
    on_root: sql!(asked!(), of_organization!(), found!()),
};

/// Looks up what a question is about; None if there is no such membership.
pub async fn find(db: &mut Db, question: &Question) -> Result<Option<Asked>> {
    let (name, resource_type) = named(&question.target);
    db.query(FIND.of(&question.target))
        .bind(&question.membership)
        .bind(&question.permission)
        .bind(name)
        .bind(resource_type)
        .find()
        .await
}

/// An assignment, seen from a resource.
#[derive(Debug, FromRow)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// The role.
    pub role_slug: String,
    /// Whether the role has the permission.
    pub has_permission: bool,
    /// The group that it was given to, if it was given to one.
    pub group_id: Option<GroupId>,
    /// The name of that one.
    pub group_name: Option<String>,
    /// The resource on which it was given.
    pub resource_id: ResourceId,
    /// The type of that resource.
    pub resource_type_slug: String,
    /// What the application calls that resource.
    pub resource_external_id: String,
    /// How many levels above the resource in question that is, if it is.
    pub distance: Option<i16>,
    /// Whether it is below that one.
    pub is_below: bool,
}

// The membership `$2` and its groups.
macro_rules! subjects {
    () => {
        "with subjects as materialized (
             select $2::bigint as subject, null::text as id, null::text as name
             union all
             select u.subject, u.id, u.name
             from group_members b join groups u on u.environment = $1 and u.subject = b.group_subject
             where b.membership_subject = $2) "
    };
}

// What is shown of the assignment `g` to the subject `s`.
macro_rules! columns {
    () => {
        "select g.id, ro.slug as role_slug, s.id as group_id, s.name as group_name, r.id as resource_id,
                t.slug as resource_type_slug, coalesce(r.external_id, o.external_id, o.id) as resource_external_id, "
    };
}

// What belongs to the assignment `g`: its role `ro`, its resource `r`, the type `t` and the organization `o` of that.
macro_rules! joined {
    () => {
        " join roles ro on ro.environment = $1 and ro.key = g.role
          join resources r on r.key = g.resource
          join resource_types t on t.environment = $1 and t.key = r.type
          join organizations o on o.environment = $1 and o.id = r.organization_id "
    };
}

/// The assignments on a resource and above it, the nearest first.
pub async fn list_above(
    db: &mut Db,
    subject: SubjectKey,
    resource: ResourceKey,
    permission: Option<PermissionKey>,
) -> Result<Vec<Seen>> {
    db.query(sql!(
        subjects!(),
        columns!(),
        "exists (select from role_permissions rp where rp.role = g.role and rp.permission = $4) as has_permission,
         a.depth as distance, false as is_below
         from subjects s
         cross join resource_ancestors a
         join role_assignments g on g.subject = s.subject and g.resource = a.ancestor",
        joined!(),
        "where a.descendant = $3 order by a.depth, g.key"
    ))
    .bind(subject)
    .bind(resource)
    .bind(permission)
    .all()
    .await
}

/// The assignments of roles with a permission on other resources: first those below this one. So many at most.
pub async fn list_elsewhere(
    db: &mut Db,
    subject: SubjectKey,
    resource: ResourceKey,
    permission: PermissionKey,
    most: i64,
) -> Result<Vec<Seen>> {
    db.query(sql!(
        subjects!(),
        columns!(),
        "true as has_permission, null::smallint as distance, below.is_below
         from subjects s
         join role_assignments g on g.subject = s.subject
         join role_permissions rp on rp.role = g.role and rp.permission = $4
         cross join lateral (
             select exists (
                 select from resource_ancestors a where a.descendant = g.resource and a.ancestor = $3) as is_below) below",
        joined!(),
        "where not exists (select from resource_ancestors a where a.descendant = $3 and a.ancestor = g.resource)
         order by below.is_below desc, g.key limit $5"
    ))
    .bind(subject)
    .bind(resource)
    .bind(permission)
    .bind(most)
    .all()
    .await
}

/// The slugs of the roles of an organization and of its environment that have a permission, in their order.
pub async fn list_roles(db: &mut Db, organization: &OrganizationId, permission: PermissionKey) -> Result<Vec<String>> {
    db.query(sql!(
        "select r.slug from roles r
         where r.environment = $1 and (r.organization_id is null or r.organization_id = $2)
           and exists (select from role_permissions rp where rp.role = r.key and rp.permission = $3)
         order by r.slug"
    ))
    .bind(organization)
    .bind(permission)
    .values()
    .await
}
