//! What one workload came to.

use crate::Rate;
use crate::recorder::Recorder;
use crate::timeline::{Point, Timeline};
use hdrhistogram::Histogram;
use serde::Serialize;

/// The measurements of one workload.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The engine.
    pub engine: String,
    /// The workload.
    pub workload: &'static str,
    /// How many threads worked; `readwhilewriting` has one more.
    pub threads: usize,
    /// Operations: a read, a write, a scan with all its entries, an entry of `readseq` and
    /// `readreverse`, an entry of a batch. With `readwhilewriting` the reads alone.
    pub ops: u64,
    /// How long they took.
    pub seconds: f64,
    /// Operations per second.
    pub ops_per_second: f64,
    /// Latencies of reads: from the end of the operation before to the end of this one, so that
    /// making keys and verifying values is in it.
    pub reads: Option<Latency>,
    /// Latencies of writes, a batch being one.
    pub writes: Option<Latency>,
    /// Entries that reads returned.
    pub entries_read: u64,
    /// Reads that found what they looked for.
    pub found: u64,
    /// Answers that were compared with what was written, to the last byte; those included that
    /// were read back afterwards from what it wrote, which nothing else here counts.
    pub verified: u64,
    /// How many of them were read back afterwards.
    pub read_back: u64,
    /// Processor time of the whole process, settling left out.
    pub cpu_seconds: f64,
    /// Processor time of the whole process while it settled, if it wrote.
    pub settling_cpu_seconds: Option<f64>,
    /// Bytes that the process read from devices.
    pub read_bytes: Option<u64>,
    /// Bytes that the process wrote to devices, until it was settled.
    pub written_bytes: Option<u64>,
    /// Those of them that it wrote while it settled, if the workload wrote.
    pub settling_written_bytes: Option<u64>,
    /// `written_bytes` per key and value byte written.
    pub write_amplification: Option<f64>,
    /// `read_bytes` per key and value byte read; 0 if all came from memory.
    pub read_amplification: Option<f64>,
    /// Bytes of the store's files on the disk at the end.
    pub directory_bytes: u64,
    /// `directory_bytes` per key and value byte that is there.
    pub space_amplification: Option<f64>,
    /// Longest time in which no thread got a write done, in milliseconds; a gap below 100 is
    /// missed if it lies inside one slot of 100 ms.
    pub longest_stall_ms: Option<f64>,
    /// Whole seconds in which no write was done.
    pub idle_seconds: Option<u64>,
    /// How long the engine says that it held writers back.
    pub throttled_seconds: Option<f64>,
    /// Peak of memory of the process, mapped files included.
    pub peak_memory_bytes: Option<u64>,
    /// Memory of the process at the end that is of no file.
    pub anonymous_memory_bytes: Option<u64>,
    /// Bytes that compaction owed at the last write.
    pub debt_bytes: Option<u64>,
    /// From the last write until no compaction was owed; `None` if it was given up.
    pub settled_seconds: Option<f64>,
    /// Whether the store came to rest after it, if it wrote; `false` if waiting was given up.
    pub settled: bool,
    /// How the rate was kept, if one was asked for; latencies are from when operations were due.
    pub rate: Option<Rate>,
    /// Operations in each 100 ms.
    pub ops_per_100_ms: Vec<u64>,
    /// Latencies of reads over time.
    pub read_latency_over_time: Option<LatencyOverTime>,
    /// Latencies of writes over time.
    pub write_latency_over_time: Option<LatencyOverTime>,
}

/// How long operations took by the time of their end, in microseconds, to 3 %. Each list has a
/// number for each slot of time, `None` if no operation ended then.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatencyOverTime {
    /// Length of a slot; it grows with the length of the run.
    pub slot_seconds: f64,
    /// Half took no longer.
    pub p50_us: Vec<Option<f64>>,
    /// 99 of 100 took no longer.
    pub p99_us: Vec<Option<f64>>,
    /// The longest, exactly.
    pub longest_us: Vec<Option<f64>>,
}

impl LatencyOverTime {
    pub(crate) fn of(timeline: &Timeline) -> Option<Self> {
        let points = timeline.points();
        #[expect(clippy::cast_precision_loss, reason = "two digits are kept anyway")]
        let us = |of: fn(Point) -> u64| {
            points.iter().map(|point| point.map(|point| of(point) as f64 / 1000.0)).collect()
        };
        (!points.is_empty()).then(|| Self {
            slot_seconds: timeline.slot().as_secs_f64(),
            p50_us: us(|point| point.p50),
            p99_us: us(|point| point.p99),
            longest_us: us(|point| point.longest),
        })
    }
}

/// How long operations took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// How many there were.
    pub count: u64,
    /// On average.
    pub mean_us: f64,
    /// Half took no longer.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// 999 of 1000 took no longer.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "three digits are kept anyway")]
        let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            mean_us: histogram.mean() / 1000.0,
            p50_us: us(0.5),
            p99_us: us(0.99),
            p999_us: us(0.999),
            max_us: us(1.0),
        })
    }
}

impl Report {
    /// The latency that a table shows: of reads if most operations were reads.
    pub fn main_latency(&self) -> Option<Latency> {
        let count = |latency: Option<Latency>| latency.map_or(0, |latency| latency.count);
        if count(self.reads) >= count(self.writes) { self.reads } else { self.writes }
    }
}

/// `part` per `whole`, if both are known and there is a whole.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) fn ratio(part: Option<u64>, whole: u64) -> Option<f64> {
    part.filter(|_| whole > 0).map(|part| part as f64 / whole as f64)
}

/// What counts as operations of a workload.
pub(crate) fn ops(workload: crate::Workload, recorder: &Recorder) -> u64 {
    match workload {
        crate::Workload::FillBatch => recorder.entries_written,
        crate::Workload::ReadWhileWriting => recorder.reads.len(),
        _ => recorder.reads.len() + recorder.writes.len(),
    }
}
