//! Effective permissions: everything that a membership may do with a resource.

use crate::db::Db;
use crate::db::statement::PageSql;
use crate::kernel::Result;
use crate::kernel::id::PermissionKind;
use crate::kernel::page::{List, Page};
use crate::model::permissions::Permission;
use crate::sql;

use super::{Question, names};

// The permissions of all roles that a membership and its groups have on a resource and above it. Why `given`, and a limit
// by `select`: see [`super::discovery`].
macro_rules! permissions {
    ($direction:literal) => {
        concat!(
            "with given as materialized (
                 select $2::text as above, $3::text as below, $5::text as membership, $6::text as resource,
                        $7::text as type, $8::text as external_id),
             asked as materialized (
                 select m.subject, x.key as resource
                 from given
                 join organization_memberships m on m.environment = $1 and m.id = given.membership
                 cross join lateral ",
            named!(),
            " x
                 where m.status = 'active'),
             subjects as materialized (
                 select subject from asked
                 union all
                 select b.group_subject from asked join group_members b on b.membership_subject = asked.subject),
             held as materialized (
                 select distinct rp.permission
                 from (
                     select distinct g.role
                     from asked
                     join resource_ancestors a on a.descendant = asked.resource
                     cross join subjects s
                     cross join lateral (
                         select g.role from role_assignments g
                         where g.subject = s.subject and g.resource = a.ancestor offset 0) g) roles
                 cross join lateral (
                     select rp.permission from role_permissions rp where rp.role = roles.role offset 0) rp)
             select p.key, p.id, p.slug, p.name, p.description, p.system, p.resource_type,
                    (select t.slug from resource_types t where t.environment = $1 and t.key = p.resource_type)
                    as resource_type_slug, p.created_at, p.updated_at
             from given
             cross join held
             cross join lateral (
                 select p.* from permissions p where p.environment = $1 and p.key = held.permission offset 0) p
             where p.id > given.above and p.id < given.below
             order by p.id ",
            $direction,
            " limit (select $4::bigint)"
        )
    };
}

/// A page of the permissions for which the answer to the question would be yes; its own is not looked at. Nothing, if
/// something of the question is missing.
pub async fn list(db: &mut Db, question: &Question, page: &Page<PermissionKind>) -> Result<List<Permission>> {
    let (id, resource_type_slug, external_id) = names(&question.target);
    let sql = PageSql { ascending: sql!(permissions!("asc")), descending: sql!(permissions!("desc")) };
    db.page(sql, page)
        .bind(&question.membership)
        .bind(id)
        .bind(resource_type_slug)
        .bind(external_id)
        .list(|permission: &Permission| permission.id.as_str())
        .await
}
