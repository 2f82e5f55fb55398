//! The part of a runner's report that is compared.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// What a workload came to; the runner's report has more.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Measured {
    pub(crate) ops: u64,
    pub(crate) seconds: f64,
    pub(crate) ops_per_second: f64,
    pub(crate) reads: Option<Latency>,
    pub(crate) writes: Option<Latency>,
    pub(crate) entries_read: u64,
    pub(crate) found: u64,
    pub(crate) verified: u64,
    pub(crate) read_back: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) read_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
    pub(crate) settling_written_bytes: Option<u64>,
    pub(crate) settling_cpu_seconds: Option<f64>,
    pub(crate) idle_seconds: Option<u64>,
    pub(crate) throttled_seconds: Option<f64>,
    pub(crate) write_amplification: Option<f64>,
    pub(crate) read_amplification: Option<f64>,
    pub(crate) space_amplification: Option<f64>,
    pub(crate) longest_stall_ms: Option<f64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) debt_bytes: Option<u64>,
    pub(crate) settled_seconds: Option<f64>,
}

/// Of operations, in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Measured {
    /// Reads a report.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(crate) fn of(report: &Value) -> Result<Self> {
        let measured = Self::deserialize(report).context("a report that cannot be read")?;
        Ok(measured)
    }

    /// Whether at least 1 of 100 answers was compared with what was written, those left out that
    /// were read back afterwards. Where nothing was found, that is compared each time.
    pub(crate) fn is_verified(&self) -> bool {
        let reads = self.reads.map_or(0, |reads| reads.count);
        let absent = reads.saturating_sub(self.found);
        let answers = self.entries_read.max(reads);
        100 * (self.verified.saturating_sub(self.read_back) + absent) >= answers
    }

    /// Latencies of what the workload is about: reads if it has any.
    pub(crate) fn latency(&self) -> Option<Latency> {
        self.reads.or(self.writes)
    }

    /// Writes per second, where a workload has reads beside them: its operations per second alone
    /// do not tell how many of both there were.
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    pub(crate) fn writes_per_second(&self) -> Option<f64> {
        let writes = self.reads.and(self.writes)?;
        (self.seconds > 0.0).then(|| writes.count as f64 / self.seconds)
    }

    /// Processor time for one operation, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        (self.ops > 0).then(|| self.cpu_seconds * 1e6 / self.ops as f64)
    }

    /// On one line, while it runs.
    pub(crate) fn in_short(&self, capped: bool) -> String {
        let capped = if capped { ", cut off by --cap" } else { "" };
        let settled =
            self.settled_seconds.map_or_else(String::new, |s| format!(", settled in {s:.1} s"));
        format!(
            "{:>12.0} ops/s, {:.1} s, {} verified{settled}{capped}",
            self.ops_per_second, self.seconds, self.verified
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_beside_reads_have_a_rate() {
        let rate = |report| Measured::of(&report).unwrap().writes_per_second();
        let (reads, writes) = (json!({ "count": 9 }), json!({ "count": 30 }));
        assert_eq!(rate(json!({ "seconds": 2.0, "reads": reads, "writes": writes })), Some(15.0));
        assert_eq!(rate(json!({ "seconds": 2.0, "writes": writes })), None);
        assert_eq!(rate(json!({ "seconds": 0.0, "reads": reads, "writes": writes })), None);
    }

    #[test]
    fn fewer_than_one_in_a_hundred_is_too_few() {
        let measured = |reads, found, entries_read, verified| {
            let report = json!({ "reads": { "count": reads, "mean_us": 1.0 }, "found": found,
                "entries_read": entries_read, "verified": verified, "writes": null, "new": [] });
            Measured::of(&report).unwrap().is_verified()
        };
        assert!(measured(100, 100, 100, 1) && !measured(101, 101, 101, 1));
        assert!(measured(100, 100, 1000, 10) && !measured(100, 100, 1000, 9));
        assert!(measured(100, 0, 0, 0));
        let report = json!({ "entries_read": 100, "verified": 9, "read_back": 9 });
        assert!(!Measured::of(&report).unwrap().is_verified());
        assert!(Measured::of(&json!({ "ops": "many" })).is_err());
    }
}
