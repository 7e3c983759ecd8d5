//! Discovery: the resources below another that a membership may do something with.

use crate::db::Db;
use crate::db::statement::PageSql;
use crate::kernel::Result;
use crate::kernel::id::ResourceKind;
use crate::kernel::page::{List, Page};
use crate::model::resources::Resource;
use crate::sql;

use super::{Pages, Question, Ways, named};

// What is asked, in numbers: one row, or none if something of it is missing. Between the two stands what finds the resource.
macro_rules! asked {
    () => {
        "with asked as materialized (
             select m.subject, x.key as parent, x.parent is null as is_root, p.key as permission, p.resource_type as type
             from (select $6::text as name, $7::text as type) q
             cross join organization_memberships m
             cross join permissions p
             cross join lateral ("
    };
}

macro_rules! found {
    () => {
        ") x
             where m.environment = $1 and m.id = $5 and m.status = 'active' and p.environment = $1 and p.slug = $8),"
    };
}

// The roots: what counts is where the membership has a role with the permission. On the parent or above it, and then
// everything below the parent counts; or else below the parent, and then what is below those resources.
//
// The steps are held apart by `offset 0`: the planner would like to read all that was given on a resource, of which some
// have very many. Below the root of the tree is whatever a membership was given.
macro_rules! roots {
    () => {
        "    subjects as materialized (
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
                     where exists (
                         select from role_permissions rp
                         where rp.role = g.role and rp.permission = asked.permission offset 0)) as is_wide),
             roots as materialized (
                 select asked.parent as key from asked where (select is_wide from wide)
                 union all
                 select g.resource from asked
                 cross join subjects s
                 cross join lateral (
                     select g.role, g.resource from role_assignments g where g.subject = s.subject offset 0) g
                 cross join lateral (
                     select from role_permissions rp
                     where rp.role = g.role and rp.permission = asked.permission offset 0) held
                 where not (select is_wide from wide)
                   and (asked.is_root or exists (
                       select from resource_ancestors a
                       where a.descendant = g.resource and a.ancestor = asked.parent offset 0)))"
    };
}

// A page in the order of keys, which is that of creation. Of each root the first so many resources are read from the index
// and merged: the cost is that of the roots, whatever is below them. Roots may lie below one another, so what they have in
// common is told once. All resources of a page are of the permission's type, whose slug is looked up once.
//
// The limit goes by way of a `select`: the planner, that would plan anew for each number, finds no advantage in it.
macro_rules! rows {
    () => {
        concat!(
            roots!(),
            " select r.key, r.name, r.description, r.organization_id,
                    (select p.id from resources p where p.key = r.parent) as parent_resource_id, r.id, r.external_id,
                    (select t.slug from resource_types t
                     where t.environment = $1 and t.key = (select asked.type from asked)) as resource_type_slug,
                    r.created_at, r.updated_at
             from resources r
             where r.environment = $1 and r.key = any(array(
                 select distinct d.descendant
                 from asked cross join roots
                 cross join lateral (
                     select a.descendant from resource_ancestors a
                     where a.ancestor = roots.key and a.type = asked.type and a.descendant <> asked.parent"
        )
    };
}

macro_rules! end {
    ($direction:literal) => {
        concat!(
            " order by a.descendant ",
            $direction,
            " limit (select $4::bigint)) d
                 order by d.descendant ",
            $direction,
            " limit (select $4::bigint)))
             order by r.key ",
            $direction
        )
    };
}

// The page without cursors is for itself, since not to look for them is a tenth less to set up. It is nothing to a cursor.
macro_rules! first {
    ($direction:literal) => {
        concat!(rows!(), " and $2::text is null and $3::text is null", end!($direction))
    };
}

// A cursor is an id: the page begins where the key of its row is, or, if that row is gone, where it was. It goes by way of
// a `select` for the reason for which the limit does.
macro_rules! later {
    ($direction:literal) => {
        concat!(
            rows!(),
            " and a.descendant > coalesce((
                 select c.key from resources c where c.environment = $1 and c.id <= (select $2::text)
                 order by c.id desc limit 1), 0)
              and a.descendant < coalesce((
                 select c.key from resources c where c.environment = $1 and c.id >= (select $3::text)
                 order by c.id limit 1), 9223372036854775807)",
            end!($direction)
        )
    };
}

/// A page of the resources of the permission's type, at any depth below the target of the question, on which the answer
/// to it would be yes. The target itself is none of them. Nothing, if something of the question is missing.
pub async fn list(db: &mut Db, question: &Question, page: &Page<ResourceKind>) -> Result<List<Resource>> {
    let (name, resource_type) = named(&question.target);
    db.page_by_key(LIST.of(&question.target).of(page), page)
        .bind(&question.membership)
        .bind(name)
        .bind(resource_type)
        .bind(&question.permission)
        .list(|resource: &Resource| resource.id.as_str())
        .await
}

const LIST: Ways<Pages> = Ways {
    by_id: Pages {
        first: PageSql {
            ascending: sql!(asked!(), of_id!(), found!(), first!("asc")),
            descending: sql!(asked!(), of_id!(), found!(), first!("desc")),
        },
        later: PageSql {
            ascending: sql!(asked!(), of_id!(), found!(), later!("asc")),
            descending: sql!(asked!(), of_id!(), found!(), later!("desc")),
        },
    },
    by_external_id: Pages {
        first: PageSql {
            ascending: sql!(asked!(), of_external_id!(), found!(), first!("asc")),
            descending: sql!(asked!(), of_external_id!(), found!(), first!("desc")),
        },
        later: PageSql {
            ascending: sql!(asked!(), of_external_id!(), found!(), later!("asc")),
            descending: sql!(asked!(), of_external_id!(), found!(), later!("desc")),
        },
    },
    on_root: Pages {
        first: PageSql {
            ascending: sql!(asked!(), of_organization!(), found!(), first!("asc")),
            descending: sql!(asked!(), of_organization!(), found!(), first!("desc")),
        },
        later: PageSql {
            ascending: sql!(asked!(), of_organization!(), found!(), later!("asc")),
            descending: sql!(asked!(), of_organization!(), found!(), later!("desc")),
        },
    },
};
