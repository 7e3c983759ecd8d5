//! What sign-in leaves behind and nobody will ask for again, in all environments.
//!
//! Each statement deletes at most [`BATCH`] rows, and passes over those that somebody holds: it never waits, so it can
//! never stand in the way of a sign-in for long, nor in a circle of them.

use crate::db::System;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::sql;

/// Rows that are deleted at once.
pub const BATCH: u64 = 5000;

/// Deletes refresh tokens that were exchanged before this moment, with what they were exchanged for; how many.
pub async fn delete_exchanged_tokens(system: &mut System, before: Timestamp) -> Result<u64> {
    system
        .query(sql!(
            "delete from refresh_tokens r
             using (select environment, hash from refresh_tokens where exchanged_at < $1
                    limit 5000 for update skip locked) old
             where r.environment = old.environment and r.hash = old.hash"
        ))
        .bind(before)
        .run()
        .await
}

/// Deletes sign-ins that waited until before this moment; how many.
pub async fn delete_pending(system: &mut System, before: Timestamp) -> Result<u64> {
    system
        .query(sql!(
            "delete from pending_authentications p
             using (select environment, hash from pending_authentications where expires_at < $1
                    limit 5000 for update skip locked) old
             where p.environment = old.environment and p.hash = old.hash"
        ))
        .bind(before)
        .run()
        .await
}

/// Deletes sessions that were revoked or had lasted their time before this moment; how many.
pub async fn delete_sessions(system: &mut System, before: Timestamp) -> Result<u64> {
    system
        .query(sql!(
            "delete from sessions s
             using (select environment, id from sessions where revoked_at < $1 or expires_at < $1
                    limit 5000 for update skip locked) old
             where s.environment = old.environment and s.id = old.id"
        ))
        .bind(before)
        .run()
        .await
}
