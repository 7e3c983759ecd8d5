//! Floor 5, what runs without being asked: the watch over the database, its upkeep, the look-ups that verify domains, the
//! sending of mail, and the listener for metrics.
//!
//! Workers are idempotent, and any number of servers may run the same one on one database. They stop with the channel
//! that `serve` gives them: when it says true, or when its sender is gone.

pub mod domains;
pub mod mail;
pub mod metrics;
pub mod outages;
pub mod upkeep;
pub mod webhooks;

use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Waits until the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Does this work at once, then whenever it is woken, and at the latest after each pause. The work says whether there
/// is more to do; then it is done again without a pause. Being woken is a hint, and the pause is the truth: what
/// another server committed wakes nobody here.
async fn repeat(pause: Duration, wake: &Notify, work: impl AsyncFn() -> bool) {
    loop {
        while work().await {}
        let _ = tokio::time::timeout(pause, wake.notified()).await;
    }
}
