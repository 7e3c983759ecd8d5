//! Refresh tokens: of each session the one in use, and those exchanged lately. Kept and found by hash.

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::SessionId;
use crate::sql;

/// What is known of a token of a session.
#[derive(Debug, FromRow)]
pub struct Stored {
    /// When it was exchanged, if it has been.
    pub exchanged_at: Option<Timestamp>,
    /// What it was exchanged for, sealed.
    pub successor: Option<Vec<u8>>,
}

/// The token of this hash, if the session has it.
pub async fn find(db: &mut Db, session: &SessionId, hash: &[u8; 32]) -> Result<Option<Stored>> {
    db.query(sql!(
        "select exchanged_at, successor from refresh_tokens where environment = $1 and session_id = $2 and hash = $3"
    ))
    .bind(session)
    .bind(&hash[..])
    .find()
    .await
}

/// Writes a new token. A session has one that was not exchanged; the database insists on it.
pub async fn insert(db: &mut Db, session: &SessionId, hash: &[u8; 32], at: Timestamp) -> Result<()> {
    db.query(sql!("insert into refresh_tokens (environment, session_id, hash, created_at) values ($1, $2, $3, $4)"))
        .bind(session)
        .bind(&hash[..])
        .bind(at)
        .run()
        .await
        .map(drop)
}

/// Writes what a token was exchanged for, and when.
pub async fn update(db: &mut Db, hash: &[u8; 32], successor: &[u8], at: Timestamp) -> Result<()> {
    db.query(sql!("update refresh_tokens set successor = $3, exchanged_at = $4 where environment = $1 and hash = $2"))
        .bind(&hash[..])
        .bind(successor)
        .bind(at)
        .run()
        .await
        .map(drop)
}

/// Forgets the tokens of a session that were exchanged before this moment.
pub async fn delete_exchanged(db: &mut Db, session: &SessionId, before: Timestamp) -> Result<()> {
    db.query(sql!("delete from refresh_tokens where environment = $1 and session_id = $2 and exchanged_at < $3"))
        .bind(session)
        .bind(before)
        .run()
        .await
        .map(drop)
}
