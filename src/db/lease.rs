//! Leases: how a server may remember what the database says, and still never go by what is over.
//!
//! What was read may be trusted for [`TIME`], counted from before it was asked for. Whoever changes it says so with
//! [`System::recall`](super::System::recall), and the transaction then waits, after its commit, until every lease that
//! was taken before it has run out; only then is the change acknowledged. So from the acknowledgement on every server
//! goes by the change, however many there are, and none of them has to tell another.
//!
//! For what every request needs and hardly anybody changes: `http::callers`, `http::cors`. The time is the processor's,
//! not that of the application's clock, which tests move.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long what was read may be trusted. Long enough that a busy caller hardly ever asks the database, short enough
/// that an operator does not notice the wait.
const TIME: Duration = Duration::from_millis(100);
/// How long a change waits. Clocks of different machines do not run at quite the same speed.
const WAIT: Duration = Duration::from_millis(125);
/// With that many things remembered, those whose lease is over are forgotten first when one is added.
const MANY: usize = 1024;

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

/// What is remembered, each thing on its lease. Only what is there is: were it remembered that something is not, strangers
/// could fill the table.
#[derive(Debug)]
pub struct Leased<K, V> {
    known: RwLock<HashMap<K, (V, Lease)>>,
}

impl<K, V> Default for Leased<K, V> {
    fn default() -> Self {
        Self { known: RwLock::default() }
    }
}

impl<K: Eq + Hash, V: Clone> Leased<K, V> {
    /// What is remembered of this, if it may be gone by.
    pub fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(_, lease)| lease.holds()).map(|(value, _)| value.clone())
    }

    /// Remembers it. A lease that is over in the meantime does no harm, and neither does one that replaces a longer one.
    pub fn insert(&self, key: K, value: V, lease: Lease) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, (_, lease)| lease.holds());
        }
        known.insert(key, (value, lease));
    }
}
