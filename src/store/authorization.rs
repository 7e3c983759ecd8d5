//! What memberships may do: decisions, each in one round trip.
//!
//! Whatever a decision needs is looked up by the statement itself, so that "there is no such thing" costs no second
//! one. A role counts on the resource that it was given on and on everything below it.

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationMembershipId, ResourceId};
use crate::sql;

/// What is known of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Decision {
    /// Whether there is such a membership.
    pub has_membership: bool,
    /// Whether there is such a resource in its organization.
    pub has_resource: bool,
    /// Whether it may.
    pub is_authorized: bool,
}

/// The decision on membership `$2` and permission `$3`, for the resource that the rows of `$target` name among those of
/// the organization of `membership m`.
macro_rules! decision {
    ($target:literal) => {
        concat!(
            "with membership as (
                 select m.organization_id, m.subject, m.status
                 from organization_memberships m
                 where m.environment = $1 and m.id = $2),
             subjects as (
                 select m.subject from membership m where m.status = 'active'),
             target as (",
            $target,
            ")
             select exists (select from membership) as has_membership,
                    exists (select from target) as has_resource,
                    exists (
                        select from subjects s
                        cross join target t
                        join resource_ancestors a on a.descendant = t.key
                        join role_assignments g on g.subject = s.subject and g.resource = a.ancestor
                        join role_permissions rp on rp.role = g.role
                        join permissions p on p.environment = $1 and p.key = rp.permission
                        where p.slug = $3) as is_authorized"
        )
    };
}

/// Decides on the resource of this id.
pub async fn decide(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    permission: &str,
    resource: &ResourceId,
) -> Result<Decision> {
    db.query(sql!(decision!(
        "select r.key from membership m join resources r on r.organization_id = m.organization_id
         where r.environment = $1 and r.id = $4"
    )))
    .bind(membership)
    .bind(permission)
    .bind(resource)
    .one()
    .await
}

/// Decides on the resource of this type and external id. The root of an organization's tree has none of its own: it
/// goes by its organization's, and by its organization's id.
pub async fn decide_by_external_id(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    permission: &str,
    (resource_type_slug, external_id): (&str, &str),
) -> Result<Decision> {
    db.query(sql!(decision!(
        "select r.key
         from membership m
         join resource_types y on y.environment = $1 and y.slug = $4
         join resources r on r.environment = $1 and r.organization_id = m.organization_id and r.type = y.key
                         and r.external_id = $5
         union all
         select r.key
         from membership m
         join organizations o on o.environment = $1 and o.id = m.organization_id and $5 in (o.id, o.external_id)
         join resource_types y on y.environment = $1 and y.slug = $4
         join resources r on r.environment = $1 and r.organization_id = o.id and r.parent is null and r.type = y.key"
    )))
    .bind(membership)
    .bind(permission)
    .bind(resource_type_slug)
    .bind(external_id)
    .one()
    .await
}
