//! Standings: whether a user is an active member of an organization, and what they are there.
//!
//! Sign-in and refresh ask here before they let a session speak for an organization. What they ask is held: the
//! organization first, then the membership, then the session, which is the order in which all three are taken away.

use crate::db::Tx;
use crate::kernel::id::{OrganizationId, UserId};
use crate::kernel::{Error, Result};
use crate::model::authentication::Standing;
use crate::store;

/// Holds the user's active membership in the organization until the transaction ends.
pub async fn hold(tx: &mut Tx, user: &UserId, organization: &OrganizationId) -> Result<()> {
    if !store::organizations::hold(tx, organization).await? {
        return Err(Error::oauth("organization_not_found", format!("Organization not found: '{organization}'.")));
    }
    if !store::organization_memberships::hold_active(tx, user, organization).await? {
        let message = format!("The user is not an active member of the organization '{organization}'.");
        return Err(Error::oauth("organization_membership_not_found", message));
    }
    Ok(())
}

/// What the user is in the organization, whose membership is held; an error if they are no active member.
pub async fn enter(tx: &mut Tx, user: &UserId, organization: &OrganizationId) -> Result<Standing> {
    hold(tx, user, organization).await?;
    let standing = store::organization_memberships::find_standing(tx, user, organization).await?;
    standing.ok_or_else(|| Error::internal("a membership that is held is not there"))
}

/// The same, where it is no mistake to be none.
pub async fn find(tx: &mut Tx, user: &UserId, organization: &OrganizationId) -> Result<Option<Standing>> {
    let held = store::organization_memberships::hold_active_with_organization(tx, user, organization).await?;
    if held { store::organization_memberships::find_standing(tx, user, organization).await } else { Ok(None) }
}
