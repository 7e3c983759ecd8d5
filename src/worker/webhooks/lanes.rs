//! How much is sent to one endpoint at once: much to one that answers well, one at a time to one that does not.
//!
//! Kept in memory by each server for itself. It is what keeps a dead endpoint from holding more than one of the places
//! that all of them share, each for as long as a time-out takes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::db::EnvironmentKey;
use crate::kernel::id::WebhookEndpointId;
use crate::store::system::webhooks::Room;

/// What an endpoint may be sent at once before anything is known of it.
pub const USUAL: i32 = 8;
/// What it may be sent at most.
const MOST: i32 = 64;
/// What all endpoints together may be sent.
pub const TOTAL: i32 = 1024;
/// An answer within this time is a good one.
const QUICK: Duration = Duration::from_secs(1);

type Key = (EnvironmentKey, WebhookEndpointId);

#[derive(Debug)]
struct Lane {
    under_way: i32,
    allowed: i32,
    last: Instant,
}

/// For how long it is remembered that an endpoint failed. It may have been deleted since.
const MEMORY: Duration = Duration::from_mins(15);
/// For how long it is remembered that an endpoint does well, after the last that it was sent: longer than the moment
/// between two helpings of a full queue, or each would begin with the usual again.
const GOOD_MEMORY: Duration = Duration::from_secs(10);

/// The lanes of all endpoints that something is known of.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<Key, Lane>,
    under_way: i32,
}

impl Lane {
    fn is_remembered(&self) -> bool {
        let memory = if self.allowed < USUAL { MEMORY } else { GOOD_MEMORY };
        self.under_way > 0 || self.last.elapsed() < memory
    }
}

impl Lanes {
    /// How many more may be sent now: to all together, and to each endpoint that differs from the usual.
    pub fn room(&self) -> (i32, Vec<Room>) {
        let mut state = self.lock();
        state.lanes.retain(|_, lane| lane.is_remembered());
        let room = |((environment, endpoint), lane): (&Key, &Lane)| Room {
            environment: *environment,
            endpoint: endpoint.clone(),
            room: lane.allowed - lane.under_way,
        };
        (TOTAL - state.under_way, state.lanes.iter().map(room).collect())
    }

    /// One is sent.
    pub fn begin(&self, environment: EnvironmentKey, endpoint: &WebhookEndpointId) {
        let mut state = self.lock();
        state.under_way += 1;
        let lane = state.lanes.entry((environment, endpoint.clone())).or_insert(Lane {
            under_way: 0,
            allowed: USUAL,
            last: Instant::now(),
        });
        lane.under_way += 1;
    }

    /// One has come back, well or not, after that long. Answers whether it is time to take more: an endpoint that has
    /// half of its lane free is worth the statement, and so is any place where there was none.
    pub fn end(&self, environment: EnvironmentKey, endpoint: &WebhookEndpointId, well: bool, took: Duration) -> bool {
        let mut state = self.lock();
        let was_full = state.under_way >= TOTAL;
        let Some(lane) = state.lanes.get_mut(&(environment, endpoint.clone())) else { return true };
        lane.under_way -= 1;
        lane.last = Instant::now();
        lane.allowed = match (well, took < QUICK) {
            (true, true) => (lane.allowed * 2).min(MOST),
            (true, false) => (lane.allowed / 2).max(1),
            (false, _) => 1,
        };
        let is_half_free = lane.under_way <= lane.allowed / 2;
        state.under_way -= 1;
        was_full || is_half_free
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
