//! Upkeep: the chores that keep the database in shape, done at the start and every few minutes.
//!
//! To add a chore, add a line to [`round`]. A chore runs in short transactions, may be interrupted at any point, and
//! may be done by several servers at once. If it fails, that is logged and counted, and the next round tries again.
//!
//! The event log is kept in partitions of a day: [`AHEAD_DAYS`] of them are made in advance, so that it takes days of
//! failures before events land in the default partition, and those that are too old are dropped whole, which costs
//! nothing per event.

use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::stopped;
use crate::db::System;
use crate::domain::refresh_tokens::GRACE_SECONDS;
use crate::http::App;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::model::events::RETENTION_DAYS;
use crate::model::{mail, webhook_deliveries};
use crate::store::system::{event_partitions, mail as outbox, sign_ins, webhooks};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_mins(10);
/// Partitions are made for today and for that many days after.
const AHEAD_DAYS: i64 = 3;
const DAY_SECONDS: i64 = 86_400;

/// Starts the worker; its first round begins at once. It ends when the server stops, in the middle of a round if need
/// be.
pub fn start(app: App, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut rounds = interval(INTERVAL);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                rounds.tick().await;
                round(&app).await;
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = work => {}
        }
    })
}

/// Does every chore once.
pub async fn round(app: &App) {
    report("make_event_partitions", make_event_partitions(app).await);
    report("drop_event_partitions", drop_event_partitions(app).await);
    report("forget_sign_ins", forget_sign_ins(app).await);
    report("forget_webhooks", forget_webhooks(app).await);
    report("forget_mail", forget_mail(app).await);
    report("tidy_rate_limits", Ok(tidy_rate_limits(app)));
}

/// Tells how a chore ended: with how many things done, or with what went wrong.
fn report(chore: &'static str, outcome: Result<u64>) {
    let word = if outcome.is_ok() { "done" } else { "failed" };
    counter!("vestibule_upkeep_total", "chore" => chore, "outcome" => word).increment(1);
    match outcome {
        Ok(0) => {}
        Ok(done) => tracing::info!(chore, done, "upkeep"),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(chore, error, "upkeep failed and is tried again in {} minutes", INTERVAL.as_secs() / 60);
        }
    }
}

/// Makes the partitions of today and the days to come.
async fn make_event_partitions(app: &App) -> Result<u64> {
    let today = app.database().clock.now().midnight();
    let wanted = (0..=AHEAD_DAYS).map(|ahead| today.plus_seconds(ahead * DAY_SECONDS));
    let existing = existing(app).await?;
    let mut made = 0;
    for day in wanted.filter(|day| !existing.contains(day)) {
        made += alone(app, async |system| {
            // Another server may have made it since.
            if event_partitions::list(system).await?.contains(&day) {
                return Ok(0);
            }
            event_partitions::insert(system, day).await?;
            Ok(1)
        })
        .await?;
    }
    Ok(made)
}

/// Drops the partitions all of whose events are too old, and deletes such events elsewhere.
async fn drop_event_partitions(app: &App) -> Result<u64> {
    let oldest = app.database().clock.now().plus_seconds(-RETENTION_DAYS * DAY_SECONDS);
    let mut dropped = 0;
    for day in existing(app).await?.into_iter().filter(|day| *day < oldest.midnight()) {
        dropped += alone(app, async |system| {
            if !event_partitions::list(system).await?.contains(&day) {
                return Ok(0);
            }
            event_partitions::delete(system, day).await?;
            Ok(1)
        })
        .await?;
    }
    Ok(dropped + alone(app, async |system| event_partitions::delete_strays(system, oldest).await).await?)
}

async fn existing(app: &App) -> Result<Vec<Timestamp>> {
    event_partitions::list(&mut app.database().system().await?).await
}

/// Runs the closure in a transaction that waits only briefly for locks; not at all if another server is at it.
async fn alone(app: &App, change: impl AsyncFnOnce(&mut System) -> Result<u64>) -> Result<u64> {
    app.database()
        .write_system(async |system| {
            if !event_partitions::try_lock(system).await? {
                return Ok(0);
            }
            event_partitions::limit_waiting(system).await?;
            change(system).await
        })
        .await
}

/// Deletes what sign-in leaves behind: tokens that may not come again, sign-ins that were never finished, and sessions
/// that ended as long ago as the log remembers.
async fn forget_sign_ins(app: &App) -> Result<u64> {
    let now = app.database().clock.now();
    let exchanged = now.plus_seconds(-GRACE_SECONDS);
    let ended = now.plus_seconds(-RETENTION_DAYS * DAY_SECONDS);
    let mut all = 0;
    loop {
        let batch = app.database().write_system(async |system| {
            let tokens = sign_ins::delete_exchanged_tokens(system, exchanged).await?;
            let pending = sign_ins::delete_pending(system, now).await?;
            Ok([tokens, pending, sign_ins::delete_sessions(system, ended).await?])
        });
        let batch = batch.await?;
        all += batch.iter().sum::<u64>();
        if batch.iter().all(|deleted| *deleted < sign_ins::BATCH) {
            return Ok(all);
        }
    }
}

/// Deletes deliveries that came to their end long ago, and what deleted endpoints were owed; ends those whose event the
/// log forgets.
async fn forget_webhooks(app: &App) -> Result<u64> {
    let now = app.database().clock.now();
    let finished = now.plus_seconds(-webhook_deliveries::KEPT_DAYS * DAY_SECONDS);
    let outdated = now.plus_seconds(-RETENTION_DAYS * DAY_SECONDS);
    let mut all = 0;
    loop {
        let batch = app.database().write_system(async |system| {
            let buried = webhooks::bury_outdated(system, outdated).await?;
            let finished = webhooks::delete_finished(system, finished).await?;
            Ok([buried, finished, webhooks::delete_orphans(system).await?])
        });
        let batch = batch.await?;
        all += batch.iter().sum::<u64>();
        if batch.iter().all(|rows| *rows < webhooks::BATCH) {
            break;
        }
    }
    let removed = app.database().write_system(async |system| webhooks::delete_endpoints(system).await);
    Ok(all + removed.await?)
}

/// Deletes mail that is older than anybody wants to read it.
async fn forget_mail(app: &App) -> Result<u64> {
    let before = app.database().clock.now().plus_seconds(-mail::RETENTION_DAYS * DAY_SECONDS);
    let mut all = 0;
    loop {
        let deleted = app.database().write_system(async |system| outbox::delete(system, before).await).await?;
        all += deleted;
        if deleted < outbox::BATCH {
            return Ok(all);
        }
    }
}

fn tidy_rate_limits(app: &App) -> u64 {
    app.limits().tidy();
    0
}
