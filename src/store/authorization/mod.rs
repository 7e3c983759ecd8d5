//! What memberships may do: decisions, many of them in one round trip.
//!
//! Whatever a decision needs is looked up by the statement itself, so that "there is no such thing" costs no second
//! one. A role counts on the resource that it was given on and on everything below it, for whoever it was given to: a
//! membership, or a group that it is in.
//!
//! Here are the yes and the no; lists are next door: what a membership reaches ([`discovery`]), who reaches a resource
//! ([`holders`]), what somebody may do there ([`permissions`]), and why ([`explanations`]). All of them follow the same
//! steps, and each reads one moment of the database.

// The resource of the organization of the membership `m` that `q` names, in each way that there is: one or none. The files
// of this folder use these, so they stand before them.
macro_rules! of_id {
    () => {
        "select x.key, x.parent from resources x
         where x.environment = $1 and x.organization_id = m.organization_id and x.id = q.name"
    };
}

macro_rules! of_external_id {
    () => {
        "select x.key, x.parent from resources x
         where x.environment = $1 and x.organization_id = m.organization_id and x.external_id = q.name
           and x.type = (select t.key from resource_types t where t.environment = $1 and t.slug = q.type)"
    };
}

// The root of an organization's tree has no external id of its own: it goes by its organization's, and by its
// organization's id.
macro_rules! of_organization {
    () => {
        "select x.key, x.parent from resources x
         where x.environment = $1 and x.organization_id = m.organization_id and x.parent is null
           and exists (select from organizations o where o.environment = $1 and o.id = m.organization_id
                       and q.name in (o.id, o.external_id))"
    };
}

pub mod discovery;
pub mod explanations;
pub mod holders;
pub mod permissions;

use sqlx::FromRow;

use crate::db::Db;
use crate::db::statement::{PageSql, Sql};
use crate::kernel::id::{Kind, OrganizationMembershipId};
use crate::kernel::page::Page;
use crate::kernel::{Error, Result};
use crate::model::resource_types::ORGANIZATION;
use crate::model::resources::ResourceTarget;
use crate::sql;

/// May this membership do this on that resource?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who.
    pub membership: OrganizationMembershipId,
    /// What, by the permission's slug.
    pub permission: String,
    /// Where.
    pub target: ResourceTarget,
}

impl AsRef<Question> for Question {
    fn as_ref(&self) -> &Question {
        self
    }
}

/// What is known of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Decision {
    /// Which of the questions it answers.
    place: i64,
    /// Whether there is such a membership.
    pub has_membership: bool,
    /// Whether there is such a resource in its organization.
    pub has_resource: bool,
    /// Whether it may.
    pub is_authorized: bool,
}

// A statement of decisions is put together of these: `decisions!`, then where the questions `q` come from (`one!`, or
// `many!`), `on!`, how the resource of each is found, and `end!`.
//
// Each step finds its row by a key, for each question anew: from the membership to the resource, from there to those
// above it, to the roles that the membership and its groups have on each of them, to the one permission. The steps are
// held apart by `offset 0`, so that the planner cannot turn them into one that reads all assignments of a resource or of
// a subject, of which some have very many.
macro_rules! decisions {
    () => {
        "select q.place, m.id is not null as has_membership, r.key is not null as has_resource,
                coalesce(m.status = 'active' and exists (
                    select from (
                        select m.subject
                        union all
                        select b.group_subject from group_members b where b.membership_subject = m.subject) s
                    cross join resource_ancestors a
                    cross join lateral (
                        select g.role from role_assignments g
                        where g.subject = s.subject and g.resource = a.ancestor offset 0) g
                    cross join lateral (
                        select from role_permissions rp
                        where rp.role = g.role and rp.permission = (
                            select p.key from permissions p where p.environment = $1 and p.slug = q.permission)
                        offset 0) held
                    where a.descendant = r.key), false) as is_authorized
         from "
    };
}

// One question. PostgreSQL gets it ready in two thirds of the time that it takes for a list of one.
macro_rules! one {
    () => {
        "(select 1::bigint as place, $2::text as membership, $3::text as permission, $4::text as name, $5::text as type) q"
    };
}

// Many questions. The arrays are hidden behind `(select ...)`, so that the planner expects as many questions whether it
// knows them or not, and goes on using the plan that it has.
macro_rules! many {
    () => {
        "unnest((select $2::text[]), (select $3::text[]), (select $4::text[]), (select $5::text[])) with ordinality
         as q (membership, permission, name, type, place)"
    };
}

macro_rules! on {
    () => {
        " left join lateral (
             select x.id, x.subject, x.status, x.organization_id from organization_memberships x
             where x.environment = $1 and x.id = q.membership offset 0) m on true
         left join lateral ("
    };
}

macro_rules! end {
    () => {
        " offset 0) r on true"
    };
}

/// What is there for each way to name a resource. They have statements of their own, since one for all of them takes
/// PostgreSQL longer to get ready, whichever it is that is asked for.
#[derive(Clone, Copy)]
struct Ways<T> {
    by_id: T,
    by_external_id: T,
    on_root: T,
}

impl<T> Ways<T> {
    /// That for the way in which this target is named.
    fn of(self, target: &ResourceTarget) -> T {
        match target {
            ResourceTarget::Id(_) => self.by_id,
            ResourceTarget::External { resource_type_slug, .. } if resource_type_slug == ORGANIZATION => self.on_root,
            ResourceTarget::External { .. } => self.by_external_id,
        }
    }
}

/// What `q` has of a target: the name, and the slug of the type where that is part of it.
fn named(target: &ResourceTarget) -> (&str, &str) {
    match target {
        ResourceTarget::Id(id) => (id.as_str(), ""),
        ResourceTarget::External { resource_type_slug, external_id } => (external_id, resource_type_slug),
    }
}

/// Decisions on one question, and on many.
#[derive(Clone, Copy)]
struct Decide {
    one: Sql,
    many: Sql,
}

const DECIDE: Ways<Decide> = Ways {
    by_id: Decide {
        one: sql!(decisions!(), one!(), on!(), of_id!(), end!()),
        many: sql!(decisions!(), many!(), on!(), of_id!(), end!()),
    },
    by_external_id: Decide {
        one: sql!(decisions!(), one!(), on!(), of_external_id!(), end!()),
        many: sql!(decisions!(), many!(), on!(), of_external_id!(), end!()),
    },
    on_root: Decide {
        one: sql!(decisions!(), one!(), on!(), of_organization!(), end!()),
        many: sql!(decisions!(), many!(), on!(), of_organization!(), end!()),
    },
};

/// Decides these questions, in their order: one statement for each way to name resources that occurs among them.
pub async fn decide(db: &mut Db, questions: &[impl AsRef<Question>]) -> Result<Vec<Decision>> {
    let [mut by_id, mut by_external_id, mut on_root] =
        [Asked::of(DECIDE.by_id), Asked::of(DECIDE.by_external_id), Asked::of(DECIDE.on_root)];
    for (place, question) in questions.iter().map(AsRef::as_ref).enumerate() {
        let asked = Ways { by_id: &mut by_id, by_external_id: &mut by_external_id, on_root: &mut on_root };
        asked.of(&question.target).add(place, question);
    }
    let mut decisions = Vec::with_capacity(questions.len());
    for asked in [by_id, by_external_id, on_root] {
        decisions.extend(asked.decide(db).await?);
    }
    decisions.sort_unstable_by_key(|decision| decision.place);
    Ok(decisions)
}

/// Questions whose resources are named in one way.
struct Asked<'q> {
    sql: Decide,
    /// The place of each among all.
    places: Vec<i64>,
    memberships: Vec<&'q str>,
    permissions: Vec<&'q str>,
    names: Vec<&'q str>,
    types: Vec<&'q str>,
}

impl<'q> Asked<'q> {
    fn of(sql: Decide) -> Self {
        let (places, memberships, permissions) = <_>::default();
        let (names, types) = <_>::default();
        Self { sql, places, memberships, permissions, names, types }
    }

    fn add(&mut self, place: usize, question: &'q Question) {
        let (name, type_) = named(&question.target);
        self.places.push(i64::try_from(place).unwrap_or(i64::MAX));
        self.memberships.push(question.membership.as_str());
        self.permissions.push(&question.permission);
        self.names.push(name);
        self.types.push(type_);
    }

    /// The decisions on these, with their places among all questions.
    async fn decide(self, db: &mut Db) -> Result<Vec<Decision>> {
        let Self { sql, places, memberships, permissions, names, types } = self;
        let mut decided: Vec<Decision> = match (&*memberships, &*permissions, &*names, &*types) {
            ([], ..) => return Ok(Vec::new()),
            ([membership], [permission], [name], [type_]) => {
                db.query(sql.one).bind(membership).bind(permission).bind(name).bind(type_).all().await?
            }
            _ => db.query(sql.many).bind(memberships).bind(permissions).bind(names).bind(types).all().await?,
        };
        for decision in &mut decided {
            let place = usize::try_from(decision.place - 1).ok().and_then(|index| places.get(index));
            decision.place = *place.ok_or_else(|| Error::internal("a decision on no question"))?;
        }
        Ok(decided)
    }
}

/// The statements of a list that is paged by key: the page without cursors, and those that have one.
#[derive(Debug, Clone, Copy)]
struct Pages {
    first: PageSql,
    later: PageSql,
}

impl Pages {
    fn of<K: Kind>(self, page: &Page<K>) -> PageSql {
        if page.bounds() == (None, None) { self.first } else { self.later }
    }
}
