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
// A cursor is an id: the page begins where the key of its row is, or, if that row is gone, where it was.
macro_rules! resources {
    ($direction:literal) => {
        concat!(
            "with asked as materialized (
                 select m.subject, x.key as parent, p.key as permission, p.resource_type as type
                 from organization_memberships m
                 join permissions p on p.environment = $1 and p.slug = $6
                 cross join lateral (
                     select x.key from resources x
                     where x.environment = $1 and x.id = $7 and x.organization_id = m.organization_id
                     union all
                     select x.key from resource_types t
                     join resources x on x.environment = $1 and x.organization_id = m.organization_id
                       and x.type = t.key and x.external_id = $9
                     where t.environment = $1 and t.slug = $8
                     union all
                     select x.key from organizations o
                     join resources x on x.environment = $1 and x.organization_id = o.id and x.parent is null
                     where $8 = 'organization' and o.environment = $1 and o.id = m.organization_id
                       and $9 in (o.id, o.external_id)) x
                 where m.environment = $1 and m.id = $5 and m.status = 'active'),
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
                       and a.descendant > coalesce((
                           select c.key from resources c
                           where c.environment = $1 and c.id <= $2 order by c.id desc limit 1), 0)
                       and a.descendant < coalesce((
                           select c.key from resources c
                           where c.environment = $1 and c.id >= $3 order by c.id limit 1), 9223372036854775807)
                     order by a.descendant ",
            $direction,
            " limit $4) d
                 order by d.descendant ",
            $direction,
            " limit $4)
             select r.key, coalesce(r.name, o.name) as name, r.description, r.organization_id,
                    p.id as parent_resource_id, r.id, coalesce(r.external_id, o.external_id, o.id) as external_id,
                    t.slug as resource_type_slug, r.created_at, r.updated_at
             from page
             join resources r on r.key = page.key
             join organizations o on o.environment = r.environment and o.id = r.organization_id
             join resource_types t on t.environment = r.environment and t.key = r.type
             left join resources p on p.key = r.parent
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
