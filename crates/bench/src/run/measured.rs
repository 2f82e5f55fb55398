//! One workload, and what it came to.

use super::{Limits, Run};
use crate::chance::Zipf;
use crate::length::Length;
use crate::process::{self, Usage};
use crate::recorder::Recorder;
use crate::report::{self, Latency, LatencyOverTime, Report, ratio};
use crate::tail::Tail;
use crate::worker::{BATCH_KEYS, sample};
use crate::{Error, Observer, Rate, Workload};
use siltstone::vfs::SystemClock;
use std::time::Duration;

impl Run<'_> {
    /// Runs one workload and measures it.
    pub(super) fn measured(
        &mut self,
        workload: Workload,
        limits: Limits,
        observer: &dyn Observer,
    ) -> Result<Report, Error> {
        self.generation += 1;
        if needs_zipf(workload) && self.zipf.is_none() {
            self.zipf = Some(Zipf::new(self.settings.num));
        }
        let Some(filled) = &self.filled else { unreachable!("a store was made before") };
        let ops = self.ops(workload, limits.length);
        observer.began(workload, ops);
        let seeks_tail = workload.scans() && !self.keys.are_ordered();
        let tail = seeks_tail.then(|| Tail::of(&self.keys, &filled.live));
        process::forget_peak();
        let (before, throttled) = (Usage::now(), filled.store.stats().stalled);
        // It counts from here.
        let clock = SystemClock::new();
        let progress = |ops| observer.advanced(ops);
        let mut shared = self.shared(filled, workload, limits, &clock, &progress);
        shared.tail = tail;
        let recorder = self.work(&shared, &*filled.store, ops.unwrap_or(u64::MAX))?;
        let elapsed = recorder.ended;
        let worked = Usage::now();
        let writes = !workload.only_reads();
        let debt_bytes = filled.store.stats().debt_bytes.filter(|_| writes);
        let settled = if writes { Self::settled(filled)? } else { None };
        observer.ended();
        let after = Usage::now();
        let stats = filled.store.stats();
        let since = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        let written_bytes = since(after.written_bytes, before.written_bytes);
        let read_bytes = since(worked.read_bytes, before.read_bytes);
        let directory_bytes = process::directory_bytes(&filled.dir)
            .map_err(Error::system("read the size of a store"))?;
        let entry_bytes = (self.keys.bytes() + self.values.bytes()) as u64;
        let stalls = recorder.stalls(elapsed);
        let ops = report::ops(workload, &recorder);
        let ops_per_second = per_second(ops, elapsed);
        let mut report = Report {
            engine: self.engine.name().to_owned(),
            workload: workload.name(),
            threads: self.settings.threads,
            ops,
            seconds: elapsed.as_secs_f64(),
            ops_per_second,
            reads: Latency::of(&recorder.reads),
            writes: Latency::of(&recorder.writes),
            entries_read: recorder.entries_read,
            found: recorder.found,
            verified: recorder.verified,
            read_back: 0,
            cpu_seconds: worked.cpu.saturating_sub(before.cpu).as_secs_f64(),
            read_bytes,
            written_bytes,
            settling_cpu_seconds: writes
                .then(|| after.cpu.saturating_sub(worked.cpu).as_secs_f64()),
            settling_written_bytes: since(after.written_bytes, worked.written_bytes)
                .filter(|_| writes),
            write_amplification: ratio(written_bytes, recorder.user_bytes_written),
            read_amplification: ratio(read_bytes, recorder.user_bytes_read),
            directory_bytes,
            space_amplification: ratio(Some(directory_bytes), filled.live.count() * entry_bytes),
            longest_stall_ms: stalls.map(|stalls| stalls.longest.as_secs_f64() * 1e3),
            idle_seconds: stalls.map(|stalls| stalls.idle_seconds),
            throttled_seconds: stats
                .stalled
                .zip(throttled)
                .map(|(now, then)| now.saturating_sub(then).as_secs_f64()),
            peak_memory_bytes: process::peak_memory_bytes(),
            anonymous_memory_bytes: process::anonymous_memory_bytes(),
            debt_bytes,
            settled_seconds: settled.map(|settled| settled.as_secs_f64()),
            settled: settled.is_some() || !writes,
            rate: limits
                .rate
                .zip(recorder.pace.as_ref())
                .map(|(rate, pace)| Rate::new(rate, ops_per_second, pace)),
            read_latency_over_time: LatencyOverTime::of(&recorder.reads_over_time),
            write_latency_over_time: LatencyOverTime::of(&recorder.writes_over_time),
            ops_per_100_ms: recorder.series.clone(),
        };
        // From here on nothing is measured.
        if writes {
            filled.store.sync()?;
            report.read_back = self.read_back(filled, workload)?;
            report.verified += report.read_back;
        }
        verified_enough(workload, &recorder, report.read_back, filled.live.end())?;
        Ok(report)
    }

    /// How many operations there are, all threads together; `None` if time ends them.
    fn ops(&self, workload: Workload, length: Length) -> Option<u64> {
        let num = self.settings.num;
        match workload {
            Workload::FillBatch => Some(num.div_ceil(BATCH_KEYS)),
            Workload::FillSync => Some((num / 100).max(1)),
            Workload::FillSeq | Workload::FillRandom => Some(num),
            _ => length.is_counted().then_some(num),
        }
    }
}

/// A run that compared fewer than 1 of 100 answers with what was written proves nothing. Where
/// nothing was found, that is compared each time. What wrote must have been read back too, as a
/// sample of the `numbers` that keys may have.
fn verified_enough(
    workload: Workload,
    recorder: &Recorder,
    read_back: u64,
    numbers: u64,
) -> Result<(), Error> {
    if !workload.only_reads() && read_back < sample(numbers) {
        let (verified, answers) = (read_back, numbers);
        return Err(Error::Unverified { workload: workload.name(), verified, answers });
    }
    let reads = recorder.reads.len();
    let verified = recorder.verified + reads.saturating_sub(recorder.found);
    let answers = recorder.entries_read.max(reads);
    if verified.saturating_mul(100) < answers {
        return Err(Error::Unverified { workload: workload.name(), verified, answers });
    }
    Ok(())
}

const fn needs_zipf(workload: Workload) -> bool {
    use Workload::{ReadRandomZipf, YcsbA, YcsbB, YcsbC, YcsbD, YcsbE, YcsbF};
    matches!(workload, ReadRandomZipf | YcsbA | YcsbB | YcsbC | YcsbD | YcsbE | YcsbF)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn per_second(ops: u64, elapsed: Duration) -> f64 {
    ops as f64 / elapsed.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Kind;

    #[test]
    fn a_run_that_verifies_too_little_fails() {
        for (reads, found, entries_read, verified, enough) in [
            (0, 0, 0, 0, true),
            (100, 100, 100, 1, true),
            (100, 100, 100, 0, false),
            (101, 101, 101, 1, false),
            // Nothing was found, and each time it was known that nothing was there.
            (100, 0, 0, 0, true),
            // Scans of ten entries each.
            (100, 100, 1000, 9, false),
            (100, 100, 1000, 10, true),
        ] {
            let mut recorder = Recorder::new();
            for _ in 0..reads {
                recorder.record(Kind::Read, Duration::ZERO, Duration::from_nanos(1));
            }
            (recorder.found, recorder.entries_read) = (found, entries_read);
            recorder.verified = verified;
            let checked = verified_enough(Workload::ReadRandom, &recorder, 0, 1000);
            assert_eq!(checked.is_ok(), enough, "{found} {entries_read} {verified}");
        }
    }

    #[test]
    fn a_run_that_writes_and_is_not_read_back_fails() {
        for (numbers, read_back, enough) in [
            (300, 300, true),
            (300, 299, false),
            (100_000, 1000, true),
            (100_000, 999, false),
            (1_000_000, 10_000, true),
            (1_000_000, 9999, false),
        ] {
            for workload in [Workload::FillSeq, Workload::Overwrite, Workload::DeleteRandom] {
                let checked = verified_enough(workload, &Recorder::new(), read_back, numbers);
                assert_eq!(checked.is_ok(), enough, "{read_back} of {numbers}");
            }
        }
    }
}
