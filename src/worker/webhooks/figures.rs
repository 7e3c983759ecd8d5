//! How the queue stands, for the metrics: every server shows the same figures, since they are those of the database.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use tokio::time::{MissedTickBehavior, interval};

use crate::http::App;
use crate::kernel::clock::Timestamp;
use crate::store::system::webhooks;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(10);

/// Keeps the figures up to date.
pub async fn run(app: &App) {
    describe();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        step(app).await;
    }
}

/// Looks once. What cannot be asked just now keeps its last value.
pub async fn step(app: &App) {
    let Ok(mut system) = app.database().system().await else { return };
    let Ok(figures) = webhooks::figures(&mut system).await else { return };
    let now = system.now();
    gauge!("vestibule_webhook_delivery_lag_seconds").set(seconds(now, figures.oldest_due));
    gauge!("vestibule_webhook_dispatch_lag_seconds").set(seconds(now, figures.oldest_undispatched));
    gauge!("vestibule_webhook_dispatch_lag_events").set(whole(figures.undispatched));
    gauge!("vestibule_webhook_dead_letters").set(whole(figures.dead));
}

/// For how long something has waited; not at all, if nothing waits.
fn seconds(now: Timestamp, since: Option<Timestamp>) -> f64 {
    since.map_or(0.0, |since| whole(now.millis() - since.millis()).max(0.0) / 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds stay far below 2^53")]
fn whole(number: i64) -> f64 {
    number as f64
}

fn describe() {
    describe_counter!("vestibule_webhook_events_total", "Events of the log that were read for webhooks");
    describe_counter!("vestibule_webhook_deliveries_total", "Attempts at webhooks, by what came of them");
    describe_histogram!("vestibule_webhook_attempt_seconds", Unit::Seconds, "Time that one attempt took");
    describe_gauge!("vestibule_webhook_delivery_lag_seconds", Unit::Seconds, "How long the oldest due delivery waits");
    describe_gauge!("vestibule_webhook_dispatch_lag_seconds", Unit::Seconds, "Age of the first event not read yet");
    describe_gauge!("vestibule_webhook_dispatch_lag_events", "Events not read yet; of very many, 10,000");
    describe_gauge!("vestibule_webhook_dead_letters", "Deliveries that are dead and kept");
}
