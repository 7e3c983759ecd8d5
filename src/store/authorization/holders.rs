//! Who can: the memberships that may do something with a resource.

use crate::db::Db;
use crate::db::statement::PageSql;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationId, OrganizationMembershipKind, ResourceId};
use crate::kernel::page::{List, Page};
use crate::model::organization_memberships::Member;
use crate::model::resources::ResourceAddress;
use crate::sql;

/// The parts of an address: an id, or the other three.
fn names(address: &ResourceAddress) -> (Option<&ResourceId>, Option<&OrganizationId>, Option<&str>, Option<&str>) {
    match address {
        ResourceAddress::Id(id) => (Some(id), None, None, None),
        ResourceAddress::External { organization_id, resource_type_slug, external_id } => {
            (None, Some(organization_id), Some(resource_type_slug), Some(external_id))
        }
    }
}

// The resources `x` that `given` names, by an id or by the other three: one or none.
macro_rules! addressed {
    () => {
        "(select x.key, x.organization_id from resources x where x.environment = $1 and x.id = given.resource
          union all
          select x.key, x.organization_id from resource_types t
          join resources x on x.environment = $1 and x.organization_id = given.organization
            and x.type = t.key and x.external_id = given.external_id
          where t.environment = $1 and t.slug = given.type
          union all
          select x.key, x.organization_id from organizations o
          join resources x on x.environment = $1 and x.organization_id = o.id and x.parent is null
          where given.type = 'organization' and o.environment = $1 and o.id = given.organization
            and given.external_id in (o.id, o.external_id)) x"
    };
}

// A page in the order of subjects, which is that of creation. Whoever has a role with the permission stands in the index
// in that order, for each resource from this one up and each role: of each the first so many are read and merged, and so
// are those of each group that has one. The cost is that of resources, roles and groups, however many the members are.
//
// A cursor is an id: the page begins where the subject of its row is, or, if that row is gone, where it was. Why `given`
// and a limit by `select`: see [`super::discovery`].
macro_rules! members {
    ($direction:literal) => {
        concat!(
            "with given as materialized (
                 select $2::text as above, $3::text as below, $5::text as resource, $6::text as organization,
                        $7::text as type, $8::text as external_id, $9::text as permission, $10::boolean as inherited),
             asked as materialized (
                 select x.key, x.organization_id, p.key as permission, given.inherited
                 from given join permissions p on p.environment = $1 and p.slug = given.permission cross join lateral ",
            addressed!(),
            "),
             bounds as materialized (
                 select coalesce((
                            select c.subject from organization_memberships c
                            where c.environment = $1 and c.id <= given.above order by c.id desc limit 1), 0) as low,
                        coalesce((
                            select c.subject from organization_memberships c
                            where c.environment = $1 and c.id >= given.below order by c.id limit 1),
                            9223372036854775807) as high
                 from given),
             streams as materialized (
                 select a.ancestor as resource, r.key as role
                 from asked
                 join resource_ancestors a on a.descendant = asked.key and (asked.inherited or a.depth = 0)
                 cross join lateral (
                     select r.key from roles r where r.environment = $1 and r.organization_id is null
                     union all
                     select r.key from roles r
                     where r.environment = $1 and r.organization_id = asked.organization_id) r
                 cross join lateral (
                     select from role_permissions rp
                     where rp.role = r.key and rp.permission = asked.permission offset 0) held),
             holders as materialized (
                 select h.subject from streams cross join lateral (
                     select g.subject from role_assignments g
                     cross join lateral (
                         select from organization_memberships m
                         where m.subject = g.subject and m.status = 'active' offset 0) m
                     where g.resource = streams.resource and g.role = streams.role
                       and g.subject > (select low from bounds) and g.subject < (select high from bounds)
                     order by g.subject ",
            $direction,
            " limit (select $4::bigint)) h
                 union
                 select h.subject from streams
                 cross join lateral (
                     select g.subject from role_assignments g
                     where g.resource = streams.resource and g.role = streams.role and g.id ^@ 'gra_' offset 0) g
                 cross join lateral (
                     select b.membership_subject as subject from group_members b
                     cross join lateral (
                         select from organization_memberships m
                         where m.subject = b.membership_subject and m.status = 'active' offset 0) m
                     where b.group_subject = g.subject
                       and b.membership_subject > (select low from bounds)
                       and b.membership_subject < (select high from bounds)
                     order by b.membership_subject ",
            $direction,
            " limit (select $4::bigint)) h),
             page as materialized (select subject from holders order by subject ",
            $direction,
            " limit (select $4::bigint))
             select m.id, m.user_id, m.organization_id,
                    (select o.name from organizations o where o.environment = $1 and o.id = m.organization_id)
                    as organization_name, m.status, m.directory_managed, m.custom_attributes,
                    json_build_object(
                        'object', 'user', 'id', u.id, 'email', u.email, 'email_verified', u.email_verified,
                        'first_name', u.first_name, 'last_name', u.last_name, 'name', u.name,
                        'profile_picture_url', u.profile_picture_url, 'external_id', u.external_id,
                        'metadata', u.metadata, 'last_sign_in_at', u.last_sign_in_at, 'locale', u.locale,
                        'created_at', u.created_at, 'updated_at', u.updated_at) as user,
                    m.created_at, m.updated_at
             from page
             cross join lateral (
                 select m.* from organization_memberships m
                 where m.environment = $1 and m.subject = page.subject offset 0) m
             cross join lateral (
                 select u.* from users u where u.environment = $1 and u.id = m.user_id offset 0) u
             order by page.subject ",
            $direction
        )
    };
}

/// A page of the active memberships that have the permission on a resource: by a role given on it, and if `inherited` by
/// one given above it too. Nothing, if there is no such resource or permission.
pub async fn list(
    db: &mut Db,
    address: &ResourceAddress,
    permission: &str,
    inherited: bool,
    page: &Page<OrganizationMembershipKind>,
) -> Result<List<Member>> {
    let (id, organization, resource_type_slug, external_id) = names(address);
    let sql = PageSql { ascending: sql!(members!("asc")), descending: sql!(members!("desc")) };
    db.page_by_key(sql, page)
        .bind(id)
        .bind(organization)
        .bind(resource_type_slug)
        .bind(external_id)
        .bind(permission)
        .bind(inherited)
        .list(|member: &Member| member.id.as_str())
        .await
}

/// Whether there is such a resource.
pub async fn has_resource(db: &mut Db, address: &ResourceAddress) -> Result<bool> {
    let (id, organization, resource_type_slug, external_id) = names(address);
    db.query(sql!(
        "select exists (
             with given as (select $2::text as resource, $3::text as organization, $4::text as type, $5::text as external_id)
             select from given cross join lateral ",
        addressed!(),
        ")"
    ))
    .bind(id)
    .bind(organization)
    .bind(resource_type_slug)
    .bind(external_id)
    .value()
    .await
}
