//! What memberships may do: decisions, many of them in one round trip.
//!
//! Whatever a decision needs is looked up by the statement itself, so that "there is no such thing" costs no second
//! one. A role counts on the resource that it was given on and on everything below it, for whoever it was given to: a
//! membership, or a group that it is in.
//!
//! Here are the yes and the no; lists are next door: what a membership reaches ([`discovery`]), who reaches a resource
//! ([`holders`]), what somebody may do there ([`permissions`]), and why ([`explanations`]). All of them follow the same
//! steps, and each reads one moment of the database.

pub mod discovery;
pub mod explanations;
pub mod holders;
pub mod permissions;

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::OrganizationMembershipId;
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
    /// Which of the questions it answers, from 1.
    place: i64,
    /// Whether there is such a membership.
    pub has_membership: bool,
    /// Whether there is such a resource in its organization.
    pub has_resource: bool,
    /// Whether it may.
    pub is_authorized: bool,
}

/// Decides these questions, in their order.
///
/// Each step finds its row by a key, for each question anew: from the membership to the resource, from there to those
/// above it, to the roles that the membership and its groups have on each of them, to the one permission. The steps are
/// held apart by `offset 0`, so that the planner cannot turn them into one that reads all assignments of a resource or
/// of a subject, of which some have very many. The arrays are hidden behind `(select ...)`, so that it expects as many
/// questions whether it knows them or not, and goes on using the plan that it has.
pub async fn decide(db: &mut Db, questions: &[impl AsRef<Question>]) -> Result<Vec<Decision>> {
    let questions = || questions.iter().map(AsRef::as_ref);
    let mut decisions: Vec<Decision> = db
        .query(sql!(
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
             from unnest((select $2::text[]), (select $3::text[]), (select $4::text[]), (select $5::text[]),
                         (select $6::text[])) with ordinality
                  as q (membership, permission, resource, type, external_id, place)
             left join organization_memberships m on m.environment = $1 and m.id = q.membership
             left join lateral (
                 select x.key from resources x
                 where x.environment = $1 and x.id = q.resource and x.organization_id = m.organization_id
                 union all
                 select x.key from resource_types t
                 join resources x on x.environment = $1 and x.organization_id = m.organization_id
                   and x.type = t.key and x.external_id = q.external_id
                 where t.environment = $1 and t.slug = q.type
                 union all
                 select x.key from organizations o
                 join resources x on x.environment = $1 and x.organization_id = o.id and x.parent is null
                 where q.type = 'organization' and o.environment = $1 and o.id = m.organization_id
                   and q.external_id in (o.id, o.external_id)
             ) r on true"
        ))
        .bind(questions().map(|question| question.membership.as_str()).collect::<Vec<_>>())
        .bind(questions().map(|question| question.permission.as_str()).collect::<Vec<_>>())
        .bind(questions().map(|question| names(&question.target).0).collect::<Vec<_>>())
        .bind(questions().map(|question| names(&question.target).1).collect::<Vec<_>>())
        .bind(questions().map(|question| names(&question.target).2).collect::<Vec<_>>())
        .all()
        .await?;
    decisions.sort_unstable_by_key(|decision| decision.place);
    Ok(decisions)
}

/// The names of a resource: its id, or the slug of its type and its external id.
fn names(target: &ResourceTarget) -> (Option<&str>, Option<&str>, Option<&str>) {
    match target {
        ResourceTarget::Id(id) => (Some(id.as_str()), None, None),
        ResourceTarget::External { resource_type_slug, external_id } => {
            (None, Some(resource_type_slug), Some(external_id))
        }
    }
}
