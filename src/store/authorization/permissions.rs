//! Effective permissions: everything that a membership may do with a resource.

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::PermissionKind;
use crate::kernel::page::{List, Page};
use crate::model::permissions::Permission;
use crate::page_sql;

use super::{Question, names};

// `held`: the permissions of all roles that membership `$5` and its groups have on the resource that `$6`, or else `$7`
// and `$8`, name, and above it.
macro_rules! held {
    () => {
        "with asked as materialized (
             select m.subject, x.key as resource
             from organization_memberships m
             cross join lateral (
                 select x.key from resources x
                 where x.environment = $1 and x.id = $6 and x.organization_id = m.organization_id
                 union all
                 select x.key from resource_types t
                 join resources x on x.environment = $1 and x.organization_id = m.organization_id
                   and x.type = t.key and x.external_id = $8
                 where t.environment = $1 and t.slug = $7
                 union all
                 select x.key from organizations o
                 join resources x on x.environment = $1 and x.organization_id = o.id and x.parent is null
                 where $7 = 'organization' and o.environment = $1 and o.id = m.organization_id
                   and $8 in (o.id, o.external_id)) x
             where m.environment = $1 and m.id = $5 and m.status = 'active'),
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
             join role_permissions rp on rp.role = roles.role) "
    };
}

/// A page of the permissions for which the answer to the question would be yes; its own is not looked at. Nothing, if
/// something of the question is missing.
pub async fn list(db: &mut Db, question: &Question, page: &Page<PermissionKind>) -> Result<List<Permission>> {
    let (id, resource_type_slug, external_id) = names(&question.target);
    db.page(
        page_sql!(
            held!(),
            "select p.key, p.id, p.slug, p.name, p.description, p.system, p.resource_type,
                    t.slug as resource_type_slug, p.created_at, p.updated_at
             from held
             join permissions p on p.environment = $1 and p.key = held.permission
             join resource_types t on t.environment = p.environment and t.key = p.resource_type
             where true";
            "p.id"
        ),
        page,
    )
    .bind(&question.membership)
    .bind(id)
    .bind(resource_type_slug)
    .bind(external_id)
    .list(|permission: &Permission| permission.id.as_str())
    .await
}
