//! Questions that change something, and those asked beside them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::drive::Script;
use super::expect::Question;
use super::forest::Mover;
use super::questions::{Check, Revocable};
use super::side::Side;

/// Checks, and with each hundred of them a role that is taken away and, later, given back. Before and after, the check
/// that depends on it is asked by the same client: an answer from before would be seen.
pub struct Beside {
    checks: Vec<Question>,
    /// What each client does in turn.
    streams: Vec<Stream>,
}

struct Stream {
    allowed: Question,
    denied: Question,
    revoke: Question,
    grant: Question,
}

impl Beside {
    const CYCLE: usize = 100;
    const REVOKE: usize = 1;
    const GRANT: usize = 50;

    pub fn new(side: &dyn Side, checks: Vec<Question>, revocable: &[Revocable]) -> Self {
        let check = |it: &Revocable, allowed| side.check(&Check { member: it.member, resource: it.resource, allowed });
        let streams = revocable.iter().map(|it| Stream {
            allowed: check(it, true),
            denied: check(it, false),
            revoke: side.revoke(it),
            grant: side.grant(it),
        });
        Self { checks, streams: streams.collect() }
    }
}

impl Script for Beside {
    fn question(&self, client: usize, number: usize) -> Cow<'_, Question> {
        let stream = &self.streams[client % self.streams.len()];
        Cow::Borrowed(match number % Self::CYCLE {
            0 => &stream.allowed,
            Self::REVOKE => &stream.revoke,
            2 => &stream.denied,
            Self::GRANT => &stream.grant,
            51 => &stream.allowed,
            _ => &self.checks[(client * 997 + number) % self.checks.len()],
        })
    }

    fn counts(&self, number: usize) -> bool {
        ![Self::REVOKE, Self::GRANT].contains(&(number % Self::CYCLE))
    }

    fn may_end(&self, number: usize) -> bool {
        !(Self::REVOKE + 1..=Self::GRANT).contains(&(number % Self::CYCLE))
    }
}

/// A new document each time.
pub struct Creation {
    side: Arc<dyn Side>,
    site: u32,
    /// Names are of this run.
    run: u32,
    made: AtomicU32,
}

impl Creation {
    pub fn new(side: Arc<dyn Side>, site: u32, run: u32) -> Self {
        Self { side, site, run, made: AtomicU32::new(0) }
    }

    pub fn made(&self) -> u32 {
        self.made.load(Ordering::Relaxed)
    }
}

impl Script for Creation {
    fn question(&self, _: usize, _: usize) -> Cow<'_, Question> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Cow::Owned(self.side.create(self.site, &format!("new-{}-{number}", self.run)))
    }
}

/// Subtrees that go from one home to the other and back. After each move, who watches asks for what is at the bottom.
pub struct Moves(Vec<[Question; 4]>);

impl Moves {
    pub fn new(side: &dyn Side, movers: &[Mover]) -> Self {
        let turn = |mover: &Mover| {
            let look = |allowed| side.check(&Check { member: mover.watcher, resource: mover.leaf, allowed });
            [side.relocate(mover, true), look(false), side.relocate(mover, false), look(true)]
        };
        Self(movers.iter().map(turn).collect())
    }
}

impl Script for Moves {
    fn question(&self, client: usize, number: usize) -> Cow<'_, Question> {
        Cow::Borrowed(&self.0[client % self.0.len()][number % 4])
    }

    fn counts(&self, number: usize) -> bool {
        number.is_multiple_of(2)
    }

    fn may_end(&self, number: usize) -> bool {
        number.is_multiple_of(4)
    }
}
