//! Sign-ins that wait for one more step, found by the hash of the token that was given out for them.

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::UserId;
use crate::model::authentication::{Pending, Step};
use crate::sql;

/// Writes a sign-in that waits.
pub async fn insert(
    db: &mut Db,
    pending: &Pending,
    awaits: Step,
    hash: &[u8; 32],
    expires_at: Timestamp,
) -> Result<()> {
    db.query(sql!(
        "insert into pending_authentications (environment, hash, user_id, client_id, awaits, method, ip_address,
                                              user_agent, authenticated_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(&hash[..])
    .bind(&pending.user_id)
    .bind(&pending.client_id)
    .bind(awaits)
    .bind(pending.method)
    .bind(pending.ip_address.as_deref())
    .bind(pending.user_agent.as_deref())
    .bind(pending.authenticated_at)
    .bind(expires_at)
    .run()
    .await
    .map(drop)
}

/// The sign-in that waits for this step of this client under a token of this hash.
pub async fn find(
    db: &mut Db,
    hash: &[u8; 32],
    client_id: &str,
    awaits: Step,
    now: Timestamp,
) -> Result<Option<Pending>> {
    db.query(sql!(
        "select user_id, client_id, method, ip_address, user_agent, authenticated_at from pending_authentications
         where environment = $1 and hash = $2 and client_id = $3 and awaits = $4 and expires_at > $5"
    ))
    .bind(&hash[..])
    .bind(client_id)
    .bind(awaits)
    .bind(now)
    .find()
    .await
}

/// Takes a sign-in out of waiting; whether it still was there. Of two who take it at once, one gets it.
pub async fn delete(db: &mut Db, hash: &[u8; 32]) -> Result<bool> {
    let rows = db
        .query(sql!("delete from pending_authentications where environment = $1 and hash = $2"))
        .bind(&hash[..])
        .run()
        .await?;
    Ok(rows > 0)
}

/// Removes all that wait of a user.
pub async fn delete_all_of_user(db: &mut Db, user: &UserId) -> Result<()> {
    db.query(sql!("delete from pending_authentications where environment = $1 and user_id = $2"))
        .bind(user)
        .run()
        .await
        .map(drop)
}
