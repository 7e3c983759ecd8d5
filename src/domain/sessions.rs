//! Sessions: begun when somebody has signed in, and ended. Going on with them is [`super::refresh_tokens`].
//!
//! What the clock ends is not written anywhere and announces nothing; only revocation is an act. Whoever takes away
//! what a session stands on (the user, the password, the membership) calls one of the `revoke_all_of` functions in the
//! same transaction.

use super::access_tokens::{self, Issuer};
use super::refresh_tokens::{self, Issued};
use crate::db::Tx;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationId, SessionId, UserId};
use crate::model::authentication::{Pending, Standing};
use crate::model::sessions::{Status, Stored};
use crate::store;

/// Begins a session for a user who has passed every gate, in the organization in which they have this standing, and notes
/// on the user that they have signed in.
///
/// The caller holds the user and the membership; so neither can be taken away without seeing this session.
pub async fn create(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    pending: Pending,
    place: Option<(OrganizationId, Standing)>,
) -> Result<Issued> {
    let now = tx.now();
    let expires_at = now.plus_seconds(i64::from(issuer.settings.session_seconds));
    let (organization_id, standing) = place.unzip();
    let session = Stored {
        id: tx.mint(),
        user_id: pending.user_id,
        organization_id,
        method: pending.method,
        ip_address: pending.ip_address,
        user_agent: pending.user_agent,
        authenticated_at: pending.authenticated_at,
        expires_at,
        ends_at: expires_at,
        revoked_at: None,
        created_at: now,
        updated_at: now,
    };
    let (refresh_token, hashes) = refresh_tokens::first(tx.random());
    store::sessions::insert(tx, &session, &pending.client_id, &hashes).await?;
    let access_token = access_tokens::sign(tx, issuer, &session, standing.as_ref()).await?;
    tx.emit(session.clone().at(now).created())?;
    Ok(Issued {
        user_id: session.user_id,
        organization_id: session.organization_id,
        method: session.method,
        access_token,
        refresh_token,
    })
}

/// Ends a session. One that has ended already stays as it is, and announces nothing.
pub async fn revoke(tx: &mut Tx, id: &SessionId) -> Result<()> {
    let session = store::sessions::lock(tx, id).await?;
    let is_over = session.revoked_at.is_some() || session.expires_at <= tx.now();
    if is_over { Ok(()) } else { end(tx, vec![session]).await }
}

/// Ends every session of a user, and every sign-in that has not become one: for a user who is deleted, or whose
/// password is changed by somebody who may be putting out an intruder.
pub async fn revoke_all_of_user(tx: &mut Tx, user: &UserId) -> Result<()> {
    store::pending_authentications::delete_all_of_user(tx, user).await?;
    let now = tx.now();
    let sessions = store::sessions::lock_open_of_user(tx, user, None, now).await?;
    end(tx, sessions).await
}

/// Ends the sessions that speak for a user's membership in an organization; those in other organizations go on.
pub async fn revoke_all_of_membership(tx: &mut Tx, user: &UserId, organization: &OrganizationId) -> Result<()> {
    let now = tx.now();
    let sessions = store::sessions::lock_open_of_user(tx, user, Some(organization), now).await?;
    end(tx, sessions).await
}

/// Ends the sessions that speak for an organization, whoever they belong to: for one that is deleted.
pub async fn revoke_all_of_organization(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    let now = tx.now();
    let sessions = store::sessions::lock_open_of_organization(tx, organization, now).await?;
    end(tx, sessions).await
}

/// Ends these sessions. One that is idle for too long is ended as well, for that limit may be changed; but nobody had it
/// any more, so nothing is announced.
async fn end(tx: &mut Tx, sessions: Vec<Stored>) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let ids: Vec<_> = sessions.iter().map(|session| session.id.as_str()).collect();
    store::sessions::revoke(tx, &ids, now).await?;
    for session in sessions.into_iter().filter(|session| session.status(now) == Status::Active) {
        let session = Stored { revoked_at: Some(now), updated_at: now, ..session };
        tx.emit(session.at(now).revoked())?;
    }
    Ok(())
}
