//! The second and third stage: takes what is due, sends it, and writes down what came of it.
//!
//! A delivery is taken for [`LEASE_SECONDS`]: longer than any attempt, so that nobody else sends it meanwhile, and short
//! enough that another server takes it up soon when this one dies. An endpoint may therefore be told of an event twice,
//! and never less than once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metrics::{counter, histogram};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::lanes::{self, Lanes};
use super::request::{Job, attempt};
use super::{PAUSE, stopped};
use crate::http::App;
use crate::kernel::id::EventId;
use crate::kernel::{Error, Result};
use crate::model::webhook_deliveries::Status;
use crate::store::system::webhooks::{self, Outcome, Taken};

/// How long a server has for what it has taken.
pub const LEASE_SECONDS: i64 = 60;
/// Outcomes that are written at once.
const WRITTEN_AT_ONCE: usize = 256;
/// How long attempts that are under way are waited for when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(5);

type Done = (Taken, Outcome, Duration);

/// Sends what is due as it becomes due, until the server stops.
pub async fn run(app: &App, due: &Notify, mut stop: watch::Receiver<bool>) {
    let lanes = Arc::new(Lanes::default());
    // Where more than this waits to be written, the next attempts keep their places until there is room.
    let (tell, told) = mpsc::channel(usize::try_from(lanes::TOTAL).unwrap_or(1));
    let freed = Arc::new(Notify::new());
    let sending = async {
        // Dropped with all that it runs, if it is.
        let mut attempts = JoinSet::new();
        let app = Arc::new(app.clone());
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = send_all(&app, &lanes, (due, &freed), &tell, &mut attempts) => {}
        }
        let _ = timeout(LAST_WORDS, async { while attempts.join_next().await.is_some() {} }).await;
        drop(attempts);
        drop(tell);
    };
    tokio::join!(sending, write_all(app, told));
}

async fn send_all(
    app: &Arc<App>,
    lanes: &Arc<Lanes>,
    (due, freed): (&Notify, &Arc<Notify>),
    tell: &mpsc::Sender<Done>,
    attempts: &mut JoinSet<()>,
) {
    loop {
        // Each helping is all that is due and has room, so what comes next waits for either.
        for job in take_or_log(app, lanes).await {
            let (app, lanes, freed, tell) = (app.clone(), lanes.clone(), freed.clone(), tell.clone());
            attempts.spawn(async move {
                let done = attempt(app, job).await;
                let (environment, endpoint) = (done.0.environment, done.0.endpoint_id.clone());
                let (well, took) = (done.1.status == Status::Delivered, done.2);
                // If nobody listens any more the server stops, and another one takes the delivery up.
                let _ = tell.send(done).await;
                // Not only when it is written: the receiver is free now, and may have the next one meanwhile.
                if lanes.end(environment, &endpoint, well, took) {
                    freed.notify_one();
                }
            });
        }
        while attempts.try_join_next().is_some() {}
        tokio::select! {
            () = due.notified() => {}
            () = freed.notified() => {}
            () = sleep(PAUSE) => {}
        }
    }
}

/// Writes down what comes back, as much at once as has come meanwhile.
async fn write_all(app: &App, mut told: mpsc::Receiver<Done>) {
    let mut done = Vec::new();
    while told.recv_many(&mut done, WRITTEN_AT_ONCE).await > 0 {
        // What cannot be written now has been sent all the same, so it is not given up until its lease has ended.
        for _ in 0..LEASE_SECONDS {
            match write(app, &done).await {
                Ok(()) => break,
                Err(error) => {
                    complain(&error, "what came of webhooks could not be written; it is tried again");
                    sleep(PAUSE).await;
                }
            }
        }
        done.clear();
    }
}

/// Takes what is due, sends it and writes down what came of it; how much there was.
pub async fn step(app: &App) -> usize {
    let lanes = Lanes::default();
    let shared = Arc::new(app.clone());
    let mut attempts = JoinSet::new();
    for job in take_or_log(app, &lanes).await {
        attempts.spawn(attempt(shared.clone(), job));
    }
    let done = attempts.join_all().await;
    if let Err(error) = write(app, &done).await {
        complain(&error, "what came of webhooks could not be written; it is sent again when its lease has ended");
        return 0;
    }
    done.len()
}

fn complain(error: &Error, what: &'static str) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "{what}");
}

async fn take_or_log(app: &App, lanes: &Lanes) -> Vec<Job> {
    match take(app, lanes).await {
        Ok(jobs) => jobs,
        Err(error) => {
            complain(&error, "webhooks that are due could not be taken; it is tried again");
            Vec::new()
        }
    }
}

async fn take(app: &App, lanes: &Lanes) -> Result<Vec<Job>> {
    let (total, rooms) = lanes.room();
    if total <= 0 {
        return Ok(Vec::new());
    }
    let lease = app.database().clock.now().plus_seconds(LEASE_SECONDS);
    let (taken, events) = app
        .database()
        .write_system(async |system| {
            webhooks::keep_to_indexes(system).await?;
            let taken = webhooks::take(system, lease, (total, lanes::USUAL), &rooms).await?;
            let mut seen = HashSet::new();
            let wanted: Vec<_> =
                taken.iter().map(|one| (&one.event_id, one.event_at)).filter(|(id, _)| seen.insert(*id)).collect();
            let events = if wanted.is_empty() { Vec::new() } else { webhooks::list_events(system, &wanted).await? };
            Ok((taken, events))
        })
        .await?;
    let mut bodies: HashMap<EventId, Bytes> = HashMap::new();
    for event in events {
        // The form of the events API, and with it its bytes.
        let body = serde_json::to_vec(&event).map_err(Error::internal)?;
        bodies.insert(event.id, body.into());
    }
    Ok(taken
        .into_iter()
        .map(|taken| {
            lanes.begin(taken.environment, &taken.endpoint_id);
            let body = bodies.get(&taken.event_id).cloned();
            Job { taken, body }
        })
        .collect())
}

async fn write(app: &App, done: &[Done]) -> Result<()> {
    if done.is_empty() {
        return Ok(());
    }
    let mut outcomes: Vec<&Outcome> = done.iter().map(|(_, outcome, _)| outcome).collect();
    // In one order everywhere, so that two servers that write the same rows do not wait for one another in a circle.
    outcomes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    app.database()
        .write_system(async |system| {
            webhooks::keep_to_indexes(system).await?;
            webhooks::update_deliveries(system, &outcomes).await?;
            webhooks::insert_attempts(system, &outcomes).await
        })
        .await?;
    for (_, outcome, took) in done {
        let word = match outcome.status {
            Status::Delivered => "delivered",
            Status::Pending => "failed",
            Status::Dead => "dead",
        };
        counter!("vestibule_webhook_deliveries_total", "outcome" => word).increment(1);
        histogram!("vestibule_webhook_attempt_seconds").record(took.as_secs_f64());
    }
    Ok(())
}
