//! What came of a while of sending requests.

use std::time::Duration;

/// Connections, and for how long they are driven. What is counted begins after a tenth of it.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub clients: usize,
    pub time: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Sample {
    /// Answers a second.
    pub rate: f64,
    /// How long each answer took, in ascending order.
    latencies: Vec<Duration>,
    /// All answers, with those before counting began.
    answers: u32,
}

impl Sample {
    pub fn new(mut latencies: Vec<Duration>, time: Duration, answers: u32) -> Self {
        latencies.sort_unstable();
        let counted = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
        Self { rate: f64::from(counted) / time.as_secs_f64(), latencies, answers }
    }

    /// How many answers came in all.
    pub fn answers(&self) -> f64 {
        f64::from(self.answers)
    }

    /// Milliseconds within which that many of a thousand answers came.
    pub fn within(&self, per_mille: usize) -> f64 {
        let rank = (self.latencies.len() * per_mille).div_ceil(1000).saturating_sub(1);
        self.latencies.get(rank).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }

    /// Both together, as one sample of the same length.
    pub fn and(self, other: Self) -> Self {
        let mut latencies = self.latencies;
        latencies.extend(other.latencies);
        latencies.sort_unstable();
        Self { rate: f64::midpoint(self.rate, other.rate), latencies, answers: self.answers + other.answers }
    }
}
