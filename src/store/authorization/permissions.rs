//! Effective permissions: everything that a membership may do with a resource.

use crate::db::Db;
use crate::db::statement::PageSql;
use crate::kernel::Result;
use crate::kernel::id::PermissionKind;
use crate::kernel::page::{List, Page};
use crate::model::permissions::Permission;
use crate::sql;

use super::{Question, Ways, named};

// Who is asked about, and where, in numbers: one row, or none if one of them is missing. Between the two stands what finds
// the resource.
macro_rules! asked {
    () => {
        "with asked as materialized (
             select m.subject, x.key as resource
             from (select $6::text as name, $7::text as type) q
             cross join organization_memberships m
             cross join lateral ("
    };
}

macro_rules! found {
    () => {
        ") x where m.environment = $1 and m.id = $5 and m.status = 'active'),"
    };
}

// The permissions of all roles that a membership and its groups have on a resource and above it. Why limit and cursors go by
// way of a `select`: see [`super::discovery`].
macro_rules! page {
    ($direction:literal) => {
        concat!(
            "    held as materialized (
                 select distinct rp.permission
                 from (
                     select distinct g.role
                     from asked
                     join resource_ancestors a on a.descendant = asked.resource
                     cross join lateral (
                         select asked.subject
                         union all
                         select b.group_subject from group_members b where b.membership_subject = asked.subject) s
                     cross join lateral (
                         select g.role from role_assignments g
                         where g.subject = s.subject and g.resource = a.ancestor offset 0) g) roles
                 cross join lateral (
                     select rp.permission from role_permissions rp where rp.role = roles.role offset 0) rp)
             select p.key, p.id, p.slug, p.name, p.description, p.system, p.resource_type,
                    (select t.slug from resource_types t where t.environment = $1 and t.key = p.resource_type)
                    as resource_type_slug, p.created_at, p.updated_at
             from held
             cross join lateral (
                 select p.* from permissions p where p.environment = $1 and p.key = held.permission offset 0) p
             where p.id > (select $2::text) and p.id < (select $3::text)
             order by p.id ",
            $direction,
            " limit (select $4::bigint)"
        )
    };
}

/// A page of the permissions for which the answer to the question would be yes; its own is not looked at. Nothing, if
/// something of the question is missing.
pub async fn list(db: &mut Db, question: &Question, page: &Page<PermissionKind>) -> Result<List<Permission>> {
    let (name, resource_type) = named(&question.target);
    db.page(LIST.of(&question.target), page)
        .bind(&question.membership)
        .bind(name)
        .bind(resource_type)
        .list(|permission: &Permission| permission.id.as_str())
        .await
}

const LIST: Ways<PageSql> = Ways {
    by_id: PageSql {
        ascending: sql!(asked!(), of_id!(), found!(), page!("asc")),
        descending: sql!(asked!(), of_id!(), found!(), page!("desc")),
    },
    by_external_id: PageSql {
        ascending: sql!(asked!(), of_external_id!(), found!(), page!("asc")),
        descending: sql!(asked!(), of_external_id!(), found!(), page!("desc")),
    },
    on_root: PageSql {
        ascending: sql!(asked!(), of_organization!(), found!(), page!("asc")),
        descending: sql!(asked!(), of_organization!(), found!(), page!("desc")),
    },
};
