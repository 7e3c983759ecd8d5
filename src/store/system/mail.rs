//! The outbox of all environments: read by the operator, sent by the worker, forgotten by upkeep.

use crate::db::System;
use crate::kernel::Result;
use crate::kernel::check::normal_email;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EnvironmentId, MailKind};
use crate::kernel::page::{List, Page};
use crate::model::mail::{Claimed, Outcome, State, Stored};
use crate::{page_sql, sql};

/// Rows that are deleted at once.
pub const BATCH: u64 = 5000;

/// Which mail a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// That for this address, in any case.
    pub to: Option<String>,
    /// That of this environment.
    pub environment: Option<EnvironmentId>,
}

/// A page of the outbox.
pub async fn list(system: &mut System, filter: &Filter, page: &Page<MailKind>) -> Result<List<Stored>> {
    system
        .page(
            page_sql!(
                "select m.id, e.id as environment_id, m.recipient, m.subject, m.sealed, m.state, m.attempts,
                        m.next_attempt_at, m.failure, m.sent_at, m.created_at
                 from mail m join environments e on e.key = m.environment
                 where $1::boolean and ($5::text is null or m.recipient_normal = $5) and ($6::text is null or e.id = $6)";
                "m.id"
            ),
            page,
        )
        .bind(filter.to.as_deref().map(normal_email))
        .bind(filter.environment.as_ref())
        .list(|mail: &Stored| mail.id().as_str())
        .await
}

/// Takes at most that many messages whose time has come, those that have waited longest first. Nobody else takes them
/// until the lease is over, and by then they must have come to something.
pub async fn claim(system: &mut System, lease: Timestamp, rows: i64) -> Result<Vec<Claimed>> {
    let now = system.now();
    system
        .query(sql!(
            "update mail m
             set attempts = m.attempts + 1, next_attempt_at = $2
             from (select environment, id from mail where next_attempt_at <= $1
                   order by next_attempt_at limit $3 for update skip locked) due
             where m.environment = due.environment and m.id = due.id
             returning m.environment, m.id, m.recipient, m.subject, m.sealed, m.attempts, m.expires_at, m.created_at"
        ))
        .bind(now)
        .bind(lease)
        .bind(rows)
        .all()
        .await
}

/// Writes what came of an attempt, unless the lease was over and somebody else has tried since, or the message was given up
/// meanwhile and did not get out.
pub async fn settle(system: &mut System, mail: &Claimed, outcome: &Outcome) -> Result<()> {
    let (state, next, sent, failure) = match outcome {
        Outcome::Sent(at) => (State::Sent, None, Some(*at), None),
        Outcome::Delayed(until, failure) => (State::Queued, Some(*until), None, Some(failure)),
        Outcome::Failed(failure) => (State::Failed, None, None, Some(failure)),
    };
    system
        .query(sql!(
            "update mail set state = $4, next_attempt_at = $5, sent_at = $6, failure = $7
             where environment = $1 and id = $2 and attempts = $3 and (state = 'queued' or $4 = 'sent')"
        ))
        .bind(mail.environment)
        .bind(&mail.id)
        .bind(mail.attempts)
        .bind(state)
        .bind(next)
        .bind(sent)
        .bind(failure)
        .run()
        .await
        .map(drop)
}

/// Deletes mail that was written before this moment, whatever became of it; how much.
pub async fn delete(system: &mut System, before: Timestamp) -> Result<u64> {
    system
        .query(sql!(
            "delete from mail m
             using (select environment, id from mail where created_at < $1 limit 5000 for update skip locked) old
             where m.environment = old.environment and m.id = old.id"
        ))
        .bind(before)
        .run()
        .await
}
