//! Rate limits: the operator's to set, off unless set.
//!
//! Counted in this process, per caller that was authenticated (so that strangers cannot fill the table).

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::kernel::id::ManagementKeyId;
use crate::kernel::{Error, Result};

/// The limits of a server.
#[derive(Debug, Default)]
pub struct Limits {
    requests: Option<DefaultKeyedRateLimiter<Box<str>>>,
    sign_ins: Option<DefaultKeyedRateLimiter<Box<str>>>,
}

impl Limits {
    /// At most that many requests a minute for each management key, and that many sign-ins a minute for each
    /// address; None is no limit.
    pub fn new(requests_per_minute: Option<NonZeroU32>, sign_ins_per_minute: Option<NonZeroU32>) -> Self {
        let limiter = |per_minute| RateLimiter::keyed(Quota::per_minute(per_minute));
        Self { requests: requests_per_minute.map(limiter), sign_ins: sign_ins_per_minute.map(limiter) }
    }

    /// Counts a request of this key.
    pub fn request(&self, key: &ManagementKeyId) -> Result<()> {
        count(self.requests.as_ref(), key.as_str())
    }

    /// Counts an attempt to sign in under this subject.
    pub fn sign_in(&self, subject: &str) -> Result<()> {
        count(self.sign_ins.as_ref(), subject)
    }

    /// Forgets the callers that have been quiet; called now and then by a worker.
    pub fn tidy(&self) {
        for limiter in [&self.requests, &self.sign_ins].into_iter().flatten() {
            limiter.retain_recent();
        }
    }
}

fn count(limiter: Option<&DefaultKeyedRateLimiter<Box<str>>>, key: &str) -> Result<()> {
    let Some(limiter) = limiter else { return Ok(()) };
    limiter.check_key(&key.into()).map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        Error::too_many("rate_limit_exceeded", "Too many requests. Try again later.", seconds)
    })
}
