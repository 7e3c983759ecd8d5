//! The watch over the database: whether it answers, and as one that writes. What follows from it is [`crate::db::health`].

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stopped;
use crate::db::Database;

/// Starts the watch; it ends when the server stops.
pub fn start(database: Database, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = database.watch() => {}
        }
    })
}
