//! Leases: how a server may remember what the database says, and still never go by what is over.
//!
//! What was read may be trusted for [`TIME`], counted from before it was asked for. Whoever changes it says so with
//! [`System::recall`](super::System::recall), and the transaction then waits, after its commit, until every lease that
//! was taken before it has run out; only then is the change acknowledged. So from the acknowledgement on every server
//! goes by the change, however many there are, and none of them has to tell another.
//!
//! For what every request needs and hardly anybody changes: `http::callers`. The time is the processor's, not that of
//! the application's clock, which tests move.

use std::time::{Duration, Instant};

/// How long what was read may be trusted. Long enough that a busy caller hardly ever asks the database, short enough
/// that an operator does not notice the wait.
const TIME: Duration = Duration::from_millis(100);
/// How long a change waits. Clocks of different machines do not run at quite the same speed.
const WAIT: Duration = Duration::from_millis(125);

/// The right to go by what was read.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    until: Instant,
}

impl Lease {
    /// Begins now: take it before asking.
    pub fn take() -> Self {
        Self { until: Instant::now() + TIME }
    }

    /// Whether it may still be gone by.
    pub fn holds(self) -> bool {
        Instant::now() < self.until
    }
}

/// Waits until every lease that has been taken so far has run out, on whatever server.
pub(super) async fn outlast() {
    tokio::time::sleep(WAIT).await;
}
