//! Who else is being served: for them a core is kept free of hashes.
//!
//! A request is not known to need a hash before it asks for one, so it is [watched](watch) and told apart when it has
//! ended. Requests that did ask say nothing about others, refused ones included: else a flood would slow itself down.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

tokio::task_local! {
    /// Whether this request has asked for a hash.
    static ASKED: Cell<bool>;
}

/// Does the work of a request; what came of it, and whether it asked any hasher for a hash on the way.
pub async fn watch<T>(work: impl Future<Output = T>) -> (T, bool) {
    let watched = async {
        let outcome = work.await;
        (outcome, ASKED.with(Cell::get))
    };
    ASKED.scope(Cell::new(false), watched).await
}

/// Notes that the request which is being served asks for a hash.
pub(super) fn ask() {
    // Outside of requests nobody watches.
    let _ = ASKED.try_with(|asked| asked.set(true));
}

/// When others were served last.
#[derive(Debug)]
pub(super) struct Others {
    begun: Instant,
    /// Milliseconds after `begun`, and one more, so that 0 says never.
    last: AtomicU64,
}

impl Others {
    /// Nobody yet.
    pub(super) fn none() -> Self {
        Self { begun: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Somebody just now.
    pub(super) fn served(&self) {
        let passed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Nothing else is read by this, and a moment more or less is all that a race could change.
        self.last.store(passed.saturating_add(1), Ordering::Relaxed);
    }

    /// For how long nobody has been.
    pub(super) fn away(&self) -> Option<Duration> {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.begun.elapsed().saturating_sub(Duration::from_millis(last)))
    }
}
