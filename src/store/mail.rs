//! Mail, as it is written. What reads the outbox and sends it, in all environments, is `system::mail`.

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::check::normal_email;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::MailId;
use crate::sql;

/// A new message.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id.
    pub id: &'n MailId,
    /// Who it is for.
    pub recipient: &'n str,
    /// What it is about.
    pub subject: &'n str,
    /// What it says, sealed.
    pub sealed: &'n [u8],
    /// When it is too late to send it.
    pub expires_at: Timestamp,
}

/// Gives up a message that is not sent yet, and says why. One that is just being sent may arrive all the same.
pub async fn withdraw(db: &mut Db, id: &MailId, why: &str) -> Result<()> {
    db.query(sql!(
        "update mail set state = 'failed', next_attempt_at = null, failure = $3
         where environment = $1 and id = $2 and state = 'queued'"
    ))
    .bind(id)
    .bind(why)
    .run()
    .await
    .map(drop)
}

/// Writes a new message, to be sent at once.
pub async fn insert(db: &mut Db, new: New<'_>, now: Timestamp) -> Result<()> {
    db.query(sql!(
        "insert into mail (environment, id, recipient, recipient_normal, subject, sealed, state, next_attempt_at,
                           expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $7)"
    ))
    .bind(new.id)
    .bind(new.recipient)
    .bind(normal_email(new.recipient))
    .bind(new.subject)
    .bind(new.sealed)
    .bind(now)
    .bind(new.expires_at)
    .run()
    .await
    .map(drop)
}
