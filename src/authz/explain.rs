//! Why: what grants something, and what comes near to it.

use super::check::missing;
use crate::db::Db;
use crate::kernel::{Error, Result};
use crate::model::authorization::{Explanation, Grant, GrantedGroup, Relation};
use crate::model::organization_memberships::Status;
use crate::store::authorization::Question;
use crate::store::authorization::explanations::{self, Seen};

/// Roles on other resources that are told of.
const MOST_ELSEWHERE: i64 = 100;

/// Explains what a check would answer. The connection is one that goes on seeing one moment, so that the parts of the
/// explanation belong together.
pub async fn explain(db: &mut Db, question: &Question) -> Result<Explanation> {
    let asked = explanations::find(db, question).await?.ok_or_else(|| Error::missing(&question.membership))?;
    let (Some(resource), Some(resource_id)) = (asked.resource, asked.resource_id) else {
        return Err(missing(&question.target));
    };
    let above = explanations::list_above(db, asked.subject, resource, asked.permission).await?;
    let (granted_by, without_permission): (Vec<_>, Vec<_>) = above.into_iter().partition(|seen| seen.has_permission);
    let (elsewhere, roles_with_permission) = match asked.permission {
        Some(permission) => (
            explanations::list_elsewhere(db, asked.subject, resource, permission, MOST_ELSEWHERE).await?,
            explanations::list_roles(db, &asked.organization_id, permission).await?,
        ),
        None => (Vec::new(), Vec::new()),
    };
    Ok(Explanation {
        authorized: asked.status == Status::Active && !granted_by.is_empty(),
        organization_membership_id: question.membership.clone(),
        membership_status: asked.status,
        permission_slug: question.permission.clone(),
        permission_exists: asked.permission.is_some(),
        resource_id,
        granted_by: granted_by.into_iter().map(grant).collect(),
        without_permission: without_permission.into_iter().map(grant).collect(),
        elsewhere: elsewhere.into_iter().map(grant).collect(),
        roles_with_permission,
    })
}

fn grant(seen: Seen) -> Grant {
    let relation = match seen.distance {
        Some(0) => Relation::On,
        Some(_) => Relation::Above,
        None if seen.is_below => Relation::Below,
        None => Relation::Beside,
    };
    Grant {
        role_assignment_id: seen.id,
        role_slug: seen.role_slug,
        group: seen.group_id.zip(seen.group_name).map(|(id, name)| GrantedGroup { id, name }),
        resource_id: seen.resource_id,
        resource_type_slug: seen.resource_type_slug,
        resource_external_id: seen.resource_external_id,
        relation,
        distance: seen.distance,
    }
}
