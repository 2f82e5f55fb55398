//! Time: the machine's, or a test's.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time, shared by threads.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Time since a start that the clock chose; it never falls. For measuring and waiting.
    fn now(&self) -> Duration;

    /// Milliseconds since 1970 by the calendar, which may jump either way. For people to read.
    fn unix_ms(&self) -> u64;

    /// Returns when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration);
}

/// The clock of the machine; its start is its creation.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts at zero, now.
    #[expect(clippy::disallowed_methods, reason = "this is the seam that others read time through")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam that others read time through")]
    fn unix_ms(&self) -> u64 {
        // A calendar before 1970 is a wrong one: 0 is as good an answer as any.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam that others wait through")]
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A clock that stands still until it is told to go on; sleeping on it moves it and returns.
#[derive(Debug, Default)]
pub struct ManualClock {
    unix_ms_at_start: u64,
    now_ns: AtomicU64,
}

impl ManualClock {
    /// A clock at zero, whose calendar starts in 1970.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock at zero, whose calendar starts at `unix_ms`.
    pub fn starting_at(unix_ms: u64) -> Self {
        Self { unix_ms_at_start: unix_ms, now_ns: AtomicU64::new(0) }
    }

    /// Moves both times on by `duration`.
    pub fn advance(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: the time is all there is; no other memory hangs on it. The update only fails
        // if its closure gives nothing, and it gives always.
        let _ = self
            .now_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now.saturating_add(ns)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.now_ns.load(Ordering::Relaxed))
    }

    fn unix_ms(&self) -> u64 {
        let passed_ms = self.now_ns.load(Ordering::Relaxed) / 1_000_000;
        self.unix_ms_at_start.saturating_add(passed_ms)
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::starting_at(5_000);
        assert_eq!((clock.now(), clock.unix_ms()), (Duration::ZERO, 5_000));
        clock.advance(Duration::from_micros(1_500));
        clock.sleep(Duration::from_secs(1));
        assert_eq!((clock.now(), clock.unix_ms()), (Duration::from_micros(1_001_500), 6_001));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn the_system_clock_does_not_fall_and_knows_the_century() {
        let clock = SystemClock::new();
        let first = clock.now();
        clock.sleep(Duration::ZERO);
        assert!(clock.now() >= first);
        assert!(clock.unix_ms() > 1_577_836_800_000, "before 2020");
    }
}
