//! Mail: from the outbox to the server that the operator has configured, at least once.
//!
//! Any number of servers may do this on one database: each takes messages for the time of a lease, and whoever dies
//! over one leaves it to the next. A message whose sending was cut off may arrive twice; its Message-ID is the same.
//! Logs name messages by id only.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::{repeat, stopped};
use crate::http::App;
use crate::kernel::Result;
use crate::model::mail::{Body, Claimed, Outcome};
use crate::outbound::mail::{Failure, Mailer, Message};
use crate::store::system::mail;

/// Between two looks into the outbox, for what other servers wrote. What this one wrote wakes the worker.
const PAUSE: Duration = Duration::from_secs(5);
/// Messages that are taken at once. They are sent side by side, as far as there are connections.
const BATCH: usize = 8;
/// For how long they are taken, in seconds: longer than sending takes at most.
const LEASE_SECONDS: i64 = 180;
/// How long a stop waits for what is just being sent.
const GRACE: Duration = Duration::from_secs(4);
/// How long to wait after the first failure, the second ..., in seconds; then as long as the last says.
const WAITS: [i64; 7] = [60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600];

/// Starts the worker. Without a server for mail there is nothing for it to do.
pub fn start(app: App, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if app.mailer().is_none() {
            return;
        }
        let sending = Arc::new(Mutex::new(()));
        let (held, at) = (Arc::clone(&sending), app.clone());
        let work = move || {
            let (sending, app) = (Arc::clone(&held), at.clone());
            async move {
                let _sending = sending.lock().await;
                round(&app).await
            }
        };
        tokio::select! {
            () = repeat(PAUSE, app.database().posted(), work) => {}
            () = async {
                stopped(&mut stop).await;
                // Cut off, a message would be sent again; but a stop does not wait for long.
                let _ = timeout(GRACE, sending.lock()).await;
            } => {}
        }
    })
}

/// Sends what is due, up to a number of messages at once; whether there may be more.
pub async fn round(app: &App) -> bool {
    let lease = app.database().clock.now().plus_seconds(LEASE_SECONDS);
    let rows = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let claimed = app.database().write_system(async |system| mail::claim(system, lease, rows).await).await;
    let claimed = match claimed {
        Ok(claimed) => claimed,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the outbox could not be read and is looked at again in {} s", PAUSE.as_secs());
            return false;
        }
    };
    let more = claimed.len() == BATCH;
    let mut sending = JoinSet::new();
    for mail in claimed {
        let app = app.clone();
        sending.spawn(async move { deliver(&app, &mail).await });
    }
    sending.join_all().await;
    more
}

/// Sends a message and writes down what came of it. If that cannot be written, the message is sent again when the lease
/// is over.
async fn deliver(app: &App, mail: &Claimed) {
    let Some(mailer) = app.mailer() else { return };
    let outcome = attempt(app, mailer, mail).await;
    report(mail, &outcome);
    let settled = app.database().write_system(async |system| mail::settle(system, mail, &outcome).await).await;
    if let Err(error) = settled {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(id = %mail.id, error, "what came of a message could not be written: it may be sent twice");
    }
}

async fn attempt(app: &App, mailer: &Mailer, mail: &Claimed) -> Outcome {
    let clock = &app.database().clock;
    if mail.expires_at <= clock.now() {
        return Outcome::Failed("it could not be sent in time".to_owned());
    }
    let outcome = match open(app, mail) {
        Ok(Body { text, html }) => {
            let (id, to, subject) = (mail.id.as_str(), mail.recipient.as_str(), mail.subject.as_str());
            mailer.send(Message { id, to, subject, text, html, date: mail.created_at }).await
        }
        Err(error) => Err(Failure::Passing(format!("it cannot be opened: {error}"))),
    };
    let now = clock.now();
    match outcome {
        Ok(()) => Outcome::Sent(now),
        Err(Failure::Refused(words)) => Outcome::Failed(words),
        Err(Failure::Passing(words)) => {
            let next = now.plus_seconds(wait(mail.attempts));
            if next < mail.expires_at { Outcome::Delayed(next, words) } else { Outcome::Failed(words) }
        }
    }
}

fn open(app: &App, mail: &Claimed) -> Result<Body> {
    Body::open(app.keyring(), &mail.id, &mail.sealed)
}

/// How long to wait after this many attempts.
fn wait(attempts: i32) -> i64 {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or_default();
    WAITS[index.min(WAITS.len() - 1)]
}

/// Counts and logs what came of a message. Why a server refused it may name the recipient: that is in the outbox.
fn report(mail: &Claimed, outcome: &Outcome) {
    let word = match outcome {
        Outcome::Sent(_) => "sent",
        Outcome::Delayed(..) => "delayed",
        Outcome::Failed(_) => "failed",
    };
    counter!("vestibule_mail_total", "outcome" => word).increment(1);
    match outcome {
        Outcome::Sent(_) => tracing::info!(id = %mail.id, attempts = mail.attempts, "mail {} was sent", mail.id),
        Outcome::Delayed(until, _) => tracing::warn!(
            id = %mail.id, attempts = mail.attempts, %until,
            "mail {} was not sent and is tried again; GET /admin/v1/mail says why", mail.id
        ),
        Outcome::Failed(_) => tracing::warn!(
            id = %mail.id, attempts = mail.attempts,
            "mail {} was not sent and is given up; GET /admin/v1/mail says why", mail.id
        ),
    }
}
