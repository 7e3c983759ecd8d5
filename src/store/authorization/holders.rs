//! Who can: the memberships that may do something with a resource.

use crate::db::Db;
use crate::db::statement::PageSql;
use crate::kernel::Result;
use crate::kernel::id::OrganizationMembershipKind;
use crate::kernel::page::{List, Page};
use crate::model::organization_memberships::Member;
use crate::model::resource_types::ORGANIZATION;
use crate::model::resources::ResourceAddress;
use crate::sql;

use super::Pages;

// What is asked, in numbers: one row, or none if something of it is missing. What stands here says which is the resource `x`.
macro_rules! asked {
    ($target:literal) => {
        concat!(
            "with recursive asked as materialized (
                 select x.key, x.organization_id, p.key as permission
                 from permissions p cross join resources x
                 where p.environment = $1 and p.slug = $5 and x.environment = $1 and ",
            $target,
            "),"
        )
    };
}

macro_rules! by_id {
    () => {
        asked!("x.id = $7")
    };
}

macro_rules! by_external_id {
    () => {
        asked!(
            "x.external_id = $7 and x.organization_id = $8
             and x.type = (select t.key from resource_types t where t.environment = $1 and t.slug = $9)"
        )
    };
}

macro_rules! on_root {
    () => {
        asked!(
            "x.organization_id = $8 and x.parent is null
             and exists (select from organizations o
                         where o.environment = $1 and o.id = $8 and $7 in (o.id, o.external_id))"
        )
    };
}

// Where the permission comes from: the roles that somebody has on this resource or above it and that hold the permission.
// The index is asked for the first role on each resource, and then, again and again, for the next one: as many steps as
// there are roles in use, however many have them, and however many other roles there are.
macro_rules! streams {
    () => {
        "    given (resource, role) as (
                 select a.ancestor, (
                     select g.role from role_assignments g where g.resource = a.ancestor order by g.role limit 1)
                 from asked
                 join resource_ancestors a on a.descendant = asked.key and ($6::boolean or a.ancestor = asked.key)
                 union all
                 select given.resource, (
                     select g.role from role_assignments g
                     where g.resource = given.resource and g.role > given.role order by g.role limit 1)
                 from given
                 where given.role is not null),
             streams as materialized (
                 select given.resource, given.role
                 from asked cross join given
                 where given.role is not null and exists (
                     select from role_permissions rp
                     where rp.role = given.role and rp.permission = asked.permission offset 0)),"
    };
}

macro_rules! is_active {
    ($subject:literal) => {
        concat!(
            " and exists (
                  select from organization_memberships m where m.status = 'active' and m.subject = ",
            $subject,
            " offset 0)"
        )
    };
}

// Whoever has one of these roles stands in the index in the order of subjects, and so do the members of each group that
// has one: of each the first so many are read and merged. The cost is that of resources, roles and groups, however many
// the members are.
macro_rules! members {
    () => {
        concat!(
            streams!(),
            "holders as materialized (
                 select h.subject from streams cross join lateral (
                     select g.subject from role_assignments g
                     where g.resource = streams.resource and g.role = streams.role",
            is_active!("g.subject")
        )
    };
}

macro_rules! of_groups {
    ($direction:literal) => {
        concat!(
            " order by g.subject ",
            $direction,
            " limit (select $4::bigint)) h
                 union
                 select h.subject from streams
                 cross join lateral (
                     select g.subject from role_assignments g
                     where g.resource = streams.resource and g.role = streams.role and g.id ^@ 'gra_' offset 0) g
                 cross join lateral (
                     select b.membership_subject as subject from group_members b
                     where b.group_subject = g.subject",
            is_active!("b.membership_subject")
        )
    };
}

// A page in the order of subjects, which is that of creation. All of its memberships are of one organization, whose name is
// looked up once.
macro_rules! end {
    ($direction:literal) => {
        concat!(
            " order by b.membership_subject ",
            $direction,
            " limit (select $4::bigint)) h)
             select m.id as membership_id, m.user_id, m.organization_id,
                    (select o.name from organizations o
                     where o.environment = $1 and o.id = (select asked.organization_id from asked)) as organization_name,
                    m.status, m.directory_managed, m.custom_attributes, m.created_at as membership_created_at,
                    m.updated_at as membership_updated_at,
                    u.id, u.email, u.email_verified, u.first_name, u.last_name, u.name, u.profile_picture_url,
                    u.external_id, u.metadata, u.last_sign_in_at, u.locale, u.created_at, u.updated_at
             from organization_memberships m
             cross join lateral (select u.* from users u where u.environment = $1 and u.id = m.user_id offset 0) u
             where m.environment = $1 and m.subject = any(array(
                 select holders.subject from holders order by holders.subject ",
            $direction,
            " limit (select $4::bigint)))
             order by m.subject ",
            $direction
        )
    };
}

// The page without cursors is for itself: see [`super::discovery`].
macro_rules! first {
    ($direction:literal) => {
        concat!(members!(), " and $2::text is null and $3::text is null", of_groups!($direction), end!($direction))
    };
}

// Whether a subject is within the page. A cursor is an id: the page begins where the subject of its row is, or, if that row
// is gone, where it was.
macro_rules! within {
    ($subject:literal) => {
        concat!(
            " and ",
            $subject,
            " > coalesce((
                 select c.subject from organization_memberships c
                 where c.environment = $1 and c.id <= (select $2::text) order by c.id desc limit 1), 0) and ",
            $subject,
            " < coalesce((
                 select c.subject from organization_memberships c
                 where c.environment = $1 and c.id >= (select $3::text) order by c.id limit 1), 9223372036854775807)"
        )
    };
}

macro_rules! later {
    ($direction:literal) => {
        concat!(
            members!(),
            within!("g.subject"),
            of_groups!($direction),
            within!("b.membership_subject"),
            end!($direction)
        )
    };
}

/// A page of the active memberships that have the permission on a resource: by a role given on it, and if `inherited` by
/// one given above it too. Nothing, if there is no such resource or permission.
///
/// The ways to name the resource have a statement each, as with decisions.
pub async fn list(
    db: &mut Db,
    address: &ResourceAddress,
    permission: &str,
    inherited: bool,
    page: &Page<OrganizationMembershipKind>,
) -> Result<List<Member>> {
    let open = |db, pages: Pages| Db::page_by_key(db, pages.of(page), page).bind(permission).bind(inherited);
    let statement = match address {
        ResourceAddress::Id(id) => open(db, BY_ID).bind(id),
        ResourceAddress::External { organization_id, resource_type_slug, external_id } => {
            if resource_type_slug == ORGANIZATION {
                open(db, ON_ROOT).bind(external_id).bind(organization_id)
            } else {
                open(db, BY_EXTERNAL_ID).bind(external_id).bind(organization_id).bind(resource_type_slug)
            }
        }
    };
    statement.list(|member: &Member| member.id.as_str()).await
}

const BY_ID: Pages = Pages {
    first: PageSql { ascending: sql!(by_id!(), first!("asc")), descending: sql!(by_id!(), first!("desc")) },
    later: PageSql { ascending: sql!(by_id!(), later!("asc")), descending: sql!(by_id!(), later!("desc")) },
};

const BY_EXTERNAL_ID: Pages = Pages {
    first: PageSql {
        ascending: sql!(by_external_id!(), first!("asc")),
        descending: sql!(by_external_id!(), first!("desc")),
    },
    later: PageSql {
        ascending: sql!(by_external_id!(), later!("asc")),
        descending: sql!(by_external_id!(), later!("desc")),
    },
};

const ON_ROOT: Pages = Pages {
    first: PageSql { ascending: sql!(on_root!(), first!("asc")), descending: sql!(on_root!(), first!("desc")) },
    later: PageSql { ascending: sql!(on_root!(), later!("asc")), descending: sql!(on_root!(), later!("desc")) },
};
