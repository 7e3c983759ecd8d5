//! Webhooks: from the log to the endpoints, in three stages: events, deliveries, attempts.
//!
//! [`dispatch`] reads the log and writes down what is owed to whom; [`deliver`] sends it. Both go by rows that are due,
//! so any number of servers may do both, and what one leaves undone when it dies another takes up. What is committed
//! here wakes them at once; what another server committed is found at the next look.

pub mod deliver;
pub mod dispatch;
pub mod figures;
mod lanes;
mod request;

use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::stopped;
use crate::http::App;

/// Between two looks, when nothing is heard.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts the workers. They end when the server stops, after the attempts that are under way.
pub fn start(app: App, stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let due = Notify::new();
        let mut told = (stop.clone(), stop.clone());
        tokio::join!(
            async {
                tokio::select! {
                    () = stopped(&mut told.0) => {}
                    () = dispatch::run(&app, &due) => {}
                }
            },
            async {
                tokio::select! {
                    () = stopped(&mut told.1) => {}
                    () = figures::run(&app) => {}
                }
            },
            deliver::run(&app, &due, stop),
        );
    })
}

/// Does once what the workers do all the time: reads the log to its end, and sends until nothing is due.
pub async fn round(app: &App) {
    while dispatch::step(app).await {}
    while deliver::step(app).await > 0 {}
}
