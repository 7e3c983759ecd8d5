//! Time: the only place that reads the system clock.
//!
//! Everything that expires compares with [`Clock::now`], so moving the clock (tests, `VESTIBULE_DEV`) moves every
//! expiry with it. Timestamps are cut to milliseconds where they are born, so that an object, its event and its
//! row never differ in digits that the wire does not show.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::schema;

/// A moment, in UTC, to the millisecond; on the wire `2026-01-15T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The moment that many milliseconds after 1970, held to what PostgreSQL and the wire can both write.
    pub fn from_millis(millis: i64) -> Self {
        const LAST: i64 = 253_402_300_799_999; // 9999-12-31T23:59:59.999Z
        Self(DateTime::from_timestamp_millis(millis.clamp(0, LAST)).unwrap_or_default())
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Whole seconds since 1970, as tokens carry them.
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Reads an RFC 3339 date-time with any offset; None for anything else, dates outside 1970-9999 included.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        let parsed = Self::from_millis(moment.timestamp_millis());
        (parsed.millis() == moment.timestamp_millis()).then_some(parsed)
    }

    /// The moment this many seconds later (earlier, when negative).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.millis().saturating_add(seconds.saturating_mul(1000)))
    }

    /// How many seconds lie between an earlier moment and this one; negative if it is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        TimeDelta::milliseconds(self.millis().saturating_sub(earlier.millis())).as_seconds_f64()
    }

    /// The start of this moment's day, in UTC.
    #[must_use]
    pub fn midnight(self) -> Self {
        const DAY: i64 = 86_400_000;
        Self::from_millis(self.millis() - self.millis().rem_euclid(DAY))
    }

    /// `20260115`: the day, as partitions are named.
    pub fn day(self) -> String {
        self.0.format("%Y%m%d").to_string()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads what PostgreSQL's `json_agg` writes as well as the wire form.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let moment = DateTime::<Utc>::deserialize(deserializer)?;
        Ok(Self::from_millis(moment.timestamp_millis()))
    }
}

crate::inline_schema! { [] Timestamp, schema::timestamp() }

/// The clock of a server: the system's, plus an offset that development and tests may move.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_millis: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may read the system clock")]
    pub fn now(&self) -> Timestamp {
        let offset = TimeDelta::milliseconds(self.offset_millis.load(Ordering::Relaxed));
        Timestamp::from_millis((Utc::now() + offset).timestamp_millis())
    }

    /// Moves this clock and all its clones forward (back, when negative).
    pub fn advance(&self, seconds: i64) {
        self.offset_millis.fetch_add(seconds.saturating_mul(1000), Ordering::Relaxed);
    }
}
