//! What memberships may do: decisions, each in one round trip.
//!
//! Whatever a decision needs is looked up by the statement itself, so that "there is no such thing" costs no second
//! one. A role counts on the resource that it was given on and on everything below it.

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationMembershipId, ResourceId};
use crate::sql;

/// What is known of a question about a membership that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Decision {
    /// Whether there is such a resource in its organization.
    pub has_resource: bool,
    /// Whether it may.
    pub is_authorized: bool,
}

// The decision on membership `$2` and permission `$3`, for the resource `r` that `$target` names among those of the
// organization of membership `m`. Every step finds its row by a key: from the membership to the resource, from there to
// those above it, to the roles that the membership has on them, to the one permission.
macro_rules! decision {
    ($target:literal) => {
        concat!(
            "select r.key is not null as has_resource,
                    m.status = 'active' and exists (
                        select from resource_ancestors a
                        join role_assignments g on g.subject = m.subject and g.resource = a.ancestor
                        join role_permissions rp on rp.role = g.role
                        where a.descendant = r.key
                          and rp.permission = (select key from permissions where environment = $1 and slug = $3)
                    ) as is_authorized
             from organization_memberships m
             join organizations o on o.environment = $1 and o.id = m.organization_id
             left join resources r on r.environment = $1 and r.organization_id = o.id and ",
            $target,
            " where m.environment = $1 and m.id = $2"
        )
    };
}

/// Decides on the resource of this id.
pub async fn decide(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    permission: &str,
    resource: &ResourceId,
) -> Result<Option<Decision>> {
    db.query(sql!(decision!("r.id = $4"))).bind(membership).bind(permission).bind(resource).find().await
}

/// Decides on the root of the organization's tree. It has no external id of its own: it goes by its organization's, and
/// by its organization's id.
pub async fn decide_on_root(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    permission: &str,
    external_id: &str,
) -> Result<Option<Decision>> {
    db.query(sql!(decision!("r.parent is null and $4 in (o.id, o.external_id)")))
        .bind(membership)
        .bind(permission)
        .bind(external_id)
        .find()
        .await
}

/// Decides on the resource of this type and external id, other than a root.
pub async fn decide_by_external_id(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    permission: &str,
    (resource_type_slug, external_id): (&str, &str),
) -> Result<Option<Decision>> {
    db.query(sql!(decision!(
        "r.type = (select key from resource_types where environment = $1 and slug = $4) and r.external_id = $5"
    )))
    .bind(membership)
    .bind(permission)
    .bind(resource_type_slug)
    .bind(external_id)
    .find()
    .await
}
