//! Discovery: the resources below another that a membership may do something with.

use crate::db::Db;
use crate::db::statement::PageSql;
use crate::kernel::Result;
use crate::kernel::id::ResourceKind;
use crate::kernel::page::{List, Page};
use crate::model::resources::Resource;
use crate::sql;

use super::{Question, names};

// A page in the order of keys, which is that of creation. What counts is where the membership has a role with the
// permission: on the parent or above it, and then everything below the parent counts; or else below the parent, and then
// what is below those resources. Either way these are the roots, and of each the first so many resources are read from
// the index and merged: the cost is that of the roots, whatever is below them. Roots may lie below one another, so what
// they have in common is told once.
//
// A cursor is an id: the page begins where the key of its row is, or, if that row is gone, where it was. What is given
// goes by way of `given`, and the limit by a `select`: so the planner, that would plan anew for each null and each number,
// finds no advantage in it.
macro_rules! resources {
    ($direction:literal) => {
        concat!(
            "with given as materialized (
                 select $2::text as above, $3::text as below, $5::text as membership, $6::text as permission,
                        $7::text as resource, $8::text as type, $9::text as external_id),
             asked as materialized (
                 select m.subject, x.key as parent, p.key as permission, p.resource_type as type
                 from given
                 join organization_memberships m on m.environment = $1 and m.id = given.membership
                 join permissions p on p.environment = $1 and p.slug = given.permission
                 cross join lateral ",
            named!(),
            " x
                 where m.status = 'active'),
             bounds as materialized (
                 select coalesce((
                            select c.key from resources c where c.environment = $1 and c.id <= given.above
                            order by c.id desc limit 1), 0) as low,
                        coalesce((
                            select c.key from resources c where c.environment = $1 and c.id >= given.below
                            order by c.id limit 1), 9223372036854775807) as high
                 from given),
             subjects as materialized (
                 select subject from asked
                 union all
                 select b.group_subject from asked join group_members b on b.membership_subject = asked.subject),
             wide as materialized (
                 select exists (
                     select from asked
                     join resource_ancestors a on a.descendant = asked.parent
                     cross join subjects s
                     cross join lateral (
                         select g.role from role_assignments g
                         where g.subject = s.subject and g.resource = a.ancestor offset 0) g
                     cross join lateral (
                         select from role_permissions rp
                         where rp.role = g.role and rp.permission = asked.permission offset 0) held) as is_wide),
             roots as materialized (
                 select asked.parent as key from asked where (select is_wide from wide)
                 union
                 select g.resource from asked
                 cross join subjects s
                 cross join lateral (
                     select g.role, g.resource from role_assignments g where g.subject = s.subject offset 0) g
                 cross join lateral (
                     select from role_permissions rp
                     where rp.role = g.role and rp.permission = asked.permission offset 0) held
                 cross join lateral (
                     select from resource_ancestors a
                     where a.descendant = g.resource and a.ancestor = asked.parent offset 0) below
                 where not (select is_wide from wide)),
             page as materialized (
                 select distinct d.descendant as key
                 from asked cross join roots
                 cross join lateral (
                     select a.descendant from resource_ancestors a
                     where a.ancestor = roots.key and a.type = asked.type and a.descendant <> asked.parent
                       and a.descendant > (select low from bounds) and a.descendant < (select high from bounds)
                     order by a.descendant ",
            $direction,
            " limit (select $4::bigint)) d
                 order by d.descendant ",
            $direction,
            " limit (select $4::bigint))
             select r.key, r.name, r.description, r.organization_id,
                    (select p.id from resources p where p.key = r.parent) as parent_resource_id, r.id, r.external_id,
                    (select t.slug from resource_types t where t.environment = $1 and t.key = r.type)
                    as resource_type_slug, r.created_at, r.updated_at
             from page
             cross join lateral (
                 select r.* from resources r where r.environment = $1 and r.key = page.key offset 0) r
             order by page.key ",
            $direction
        )
    };
}

/// A page of the resources of the permission's type, at any depth below the target of the question, on which the answer
/// to it would be yes. The target itself is none of them. Nothing, if something of the question is missing.
pub async fn list(db: &mut Db, question: &Question, page: &Page<ResourceKind>) -> Result<List<Resource>> {
    let (id, resource_type_slug, external_id) = names(&question.target);
    let sql = PageSql { ascending: sql!(resources!("asc")), descending: sql!(resources!("desc")) };
    db.page_by_key(sql, page)
        .bind(&question.membership)
        .bind(&question.permission)
        .bind(id)
        .bind(resource_type_slug)
        .bind(external_id)
        .list(|resource: &Resource| resource.id.as_str())
        .await
}
