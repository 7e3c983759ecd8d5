//! The first stage: reads the log of all environments behind a cursor, and writes down what is owed to whom.
//!
//! One server at a time holds the cursor. It moves in the transaction that writes the deliveries, so each event is
//! passed once, whatever happens; and only events are read that can have no other before them, so none is passed over.

use std::time::Duration;

use metrics::counter;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::PAUSE;
use crate::db::System;
use crate::http::App;
use crate::kernel::Result;
use crate::store::system::webhooks;

/// Events that are read at once.
const BATCH: i64 = 1000;
/// Between two looks just after something was committed: the log shows it as soon as whatever began before it has ended.
const SHORT: Duration = Duration::from_millis(5);

/// Reads the log as it grows. Tells when something has become due.
pub async fn run(app: &App, due: &Notify) {
    let mut pause = SHORT;
    loop {
        if step(app).await {
            due.notify_one();
            pause = SHORT;
        } else if timeout(pause, app.database().announced().notified()).await.is_ok() {
            pause = SHORT;
        } else {
            pause = (pause * 2).min(PAUSE);
        }
    }
}

/// Reads the next events; whether there were any. What fails is logged, and tried again at the next look.
pub async fn step(app: &App) -> bool {
    match app.database().write_system(read).await {
        Ok(passed) => passed > 0,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the log could not be read for webhooks; it is tried again");
            false
        }
    }
}

async fn read(system: &mut System) -> Result<i64> {
    let Some(start) = webhooks::try_lock_cursor(system).await? else { return Ok(0) };
    let Some((end, passed)) = webhooks::find_end(system, &start, BATCH).await? else { return Ok(0) };
    let owed = webhooks::list_owed(system, (&start, &end), passed).await?;
    if !owed.is_empty() {
        let ids: Vec<_> = owed.iter().map(|_| system.mint()).collect();
        webhooks::insert_deliveries(system, &owed, &ids).await?;
    }
    webhooks::move_cursor(system, &end).await?;
    counter!("vestibule_webhook_events_total").increment(u64::try_from(passed).unwrap_or_default());
    Ok(passed)
}
