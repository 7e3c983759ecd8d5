//! Sessions. Whether one is over depends on the moment, so whoever asks names it.

use crate::db::Db;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, SessionId, SessionKind, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::sessions::Stored;
use crate::{page_sql, sql};

/// When a session ends unless it is refreshed before. `least` passes over null, which is no limit of idleness.
macro_rules! ends_at {
    () => {
        "least(s.expires_at, s.refreshed_at + e.session_idle_seconds * interval '1 second')"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "s.id, s.user_id, s.organization_id, s.method, s.ip_address, s.user_agent, s.authenticated_at,
             s.expires_at, s.revoked_at, s.created_at, s.updated_at, ",
            ends_at!(),
            " as ends_at"
        )
    };
}

/// The active sessions of a user.
pub async fn list_active(db: &mut Db, user: &UserId, now: Timestamp, page: &Page<SessionKind>) -> Result<List<Stored>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from sessions s join environments e on e.key = s.environment
             where s.environment = $1 and s.user_id = $5 and s.revoked_at is null and ",
            ends_at!(),
            " > $6";
            "s.id"
        ),
        page,
    )
    .bind(user)
    .bind(now)
    .list(|session: &Stored| session.id.as_str())
    .await
}

/// The session, held against other changes until the transaction ends.
pub async fn lock(db: &mut Db, id: &SessionId) -> Result<Stored> {
    db.query(sql!(
        "select ",
        columns!(),
        " from sessions s join environments e on e.key = s.environment
          where s.environment = $1 and s.id = $2 for update of s"
    ))
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// The session of this client whose refresh tokens begin with what has this hash.
pub async fn find_by_family(db: &mut Db, family: &[u8; 32], client_id: &str) -> Result<Option<Stored>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from sessions s join environments e on e.key = s.environment
          where s.environment = $1 and s.family = $2 and s.client_id = $3"
    ))
    .bind(&family[..])
    .bind(client_id)
    .find()
    .await
}

/// The same, held against other changes until the transaction ends.
pub async fn lock_by_family(db: &mut Db, family: &[u8; 32], client_id: &str) -> Result<Option<Stored>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from sessions s join environments e on e.key = s.environment
          where s.environment = $1 and s.family = $2 and s.client_id = $3 for update of s"
    ))
    .bind(&family[..])
    .bind(client_id)
    .find()
    .await
}

/// The sessions of a user that go on or might again if the limit of idleness were changed, held; of one organization, or of all and of none. They are locked in the order
/// of their ids, so that two who end the same sessions do not wait for each other.
pub async fn lock_open_of_user(
    db: &mut Db,
    user: &UserId,
    organization: Option<&OrganizationId>,
    now: Timestamp,
) -> Result<Vec<Stored>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from sessions s join environments e on e.key = s.environment
          where s.environment = $1 and s.user_id = $2 and ($3::text is null or s.organization_id = $3)
            and s.revoked_at is null and s.expires_at > $4 order by s.id for update of s"
    ))
    .bind(user)
    .bind(organization)
    .bind(now)
    .all()
    .await
}

/// The sessions that speak for an organization and go on or might again, held, in the order of their ids.
pub async fn lock_open_of_organization(
    db: &mut Db,
    organization: &OrganizationId,
    now: Timestamp,
) -> Result<Vec<Stored>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from sessions s join environments e on e.key = s.environment
          where s.environment = $1 and s.organization_id = $2 and s.revoked_at is null and s.expires_at > $3
          order by s.id for update of s"
    ))
    .bind(organization)
    .bind(now)
    .all()
    .await
}

/// What a client will show to go on with a session, as hashes.
#[derive(Debug)]
pub struct RefreshHashes {
    /// Of what all its refresh tokens begin with.
    pub family: [u8; 32],
    /// Of the first one.
    pub first: [u8; 32],
}

/// Writes a new session with its first refresh token, and notes on its user, whom the caller holds, that they signed in.
/// That is no change of the user: `updated_at` stays.
pub async fn insert(db: &mut Db, session: &Stored, client_id: &str, hashes: &RefreshHashes) -> Result<()> {
    db.query(sql!(
        "with entered as (
             update users set last_sign_in_at = $11 where environment = $1 and id = $3),
         begun as (
             insert into sessions (environment, id, user_id, organization_id, client_id, method, ip_address, user_agent,
                                   family, authenticated_at, refreshed_at, expires_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, $11))
         insert into refresh_tokens (environment, session_id, hash, created_at) values ($1, $2, $13, $11)"
    ))
    .bind(&session.id)
    .bind(&session.user_id)
    .bind(session.organization_id.as_ref())
    .bind(client_id)
    .bind(session.method)
    .bind(session.ip_address.as_deref())
    .bind(session.user_agent.as_deref())
    .bind(&hashes.family[..])
    .bind(session.authenticated_at)
    .bind(session.created_at)
    .bind(session.expires_at)
    .bind(&hashes.first[..])
    .run()
    .await
    .map(drop)
}

/// Notes that a session was refreshed at this moment, which starts its idle time anew.
pub async fn touch(db: &mut Db, id: &SessionId, at: Timestamp) -> Result<()> {
    db.query(sql!("update sessions set refreshed_at = $3 where environment = $1 and id = $2"))
        .bind(id)
        .bind(at)
        .run()
        .await
        .map(drop)
}

/// Makes a session speak for this organization.
pub async fn set_organization(db: &mut Db, id: &SessionId, organization: &OrganizationId, at: Timestamp) -> Result<()> {
    db.query(sql!("update sessions set organization_id = $3, updated_at = $4 where environment = $1 and id = $2"))
        .bind(id)
        .bind(organization)
        .bind(at)
        .run()
        .await
        .map(drop)
}

/// Ends these sessions.
pub async fn revoke(db: &mut Db, ids: &[&str], at: Timestamp) -> Result<()> {
    db.query(sql!("update sessions set revoked_at = $3, updated_at = $3 where environment = $1 and id = any($2)"))
        .bind(ids)
        .bind(at)
        .run()
        .await
        .map(drop)
}
