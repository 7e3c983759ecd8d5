//! Floor 5, what runs without being asked: upkeep of the database, and the listener for metrics.
//!
//! Workers are idempotent, and any number of servers may run the same one on one database. They stop with the channel
//! that `serve` gives them: when it says true, or when its sender is gone.

pub mod metrics;
pub mod upkeep;

use tokio::sync::watch;

/// Waits until the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
