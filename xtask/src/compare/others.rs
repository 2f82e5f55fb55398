//! How much of the processors others took while a runner was at work.
//!
//! Others are all programs but the runner, and the host of a virtual machine, which may take the
//! processor away (`steal`). The kernel's own threads do not count: most of their work is the
//! runner's, writing its pages back.

use std::fs;

/// From this share on figures are doubtful: a tenth of a core on a machine with two.
const DISTURBING: f64 = 0.05;
/// Fewer ticks than this, of 10 ms each, are rounding.
const LEAST_TICKS: u64 = 20;

/// The counters at a moment, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Of all processors, idle or not.
    total: u64,
    /// Of those, in programs or taken away by the host.
    busy: u64,
    /// Of those, in the runner.
    own: u64,
}

impl Reading {
    /// The counters now; `None` where the system has no `/proc`, or the process is gone.
    pub(crate) fn now(process: u32) -> Option<Self> {
        let own = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        Self::of(&fs::read_to_string("/proc/stat").ok()?, &own)
    }

    fn of(all: &str, own: &str) -> Option<Self> {
        let ticks = all.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
        let ticks: Vec<u64> = ticks.take(8).map_while(|text| text.parse().ok()).collect();
        let &[user, nice, _, _, _, _, _, stolen] = ticks.as_slice() else { return None };
        // Behind the name, which may have spaces: utime is the fourteenth field, the state the third.
        let own = own.rsplit_once(") ")?.1.split(' ').nth(11)?.parse().ok()?;
        Some(Self { total: ticks.iter().sum(), busy: user + nice + stolen, own })
    }

    /// The share of all processors' time between `self` and `later` that others took, 0 where that
    /// is no more than rounding.
    pub(crate) fn share_until(self, later: Self) -> f64 {
        let total = later.total.saturating_sub(self.total);
        let busy = later.busy.saturating_sub(self.busy);
        let others = busy.saturating_sub(later.own.saturating_sub(self.own));
        if others < LEAST_TICKS || total == 0 {
            return 0.0;
        }
        super::table::precise(others) / super::table::precise(total)
    }
}

/// What to say about a run of which others took this share.
pub(crate) fn doubt(share: Option<f64>) -> Option<String> {
    let share = share.filter(|share| *share >= DISTURBING)?;
    Some(format!("others took {:.0} % of the processors", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 100 50 0";

    #[test]
    fn programs_and_the_host_count_and_the_kernel_does_not() {
        let all = "cpu  300 20 5000 9000 40 1 2 30 7 7\ncpu0 1 2 3\n";
        let reading = Reading::of(all, OWN).unwrap();
        assert_eq!(reading, Reading { total: 14_393, busy: 350, own: 100 });
        assert_eq!(Reading::of("cpu  1 2 3\n", OWN), None);
        assert_eq!(Reading::of(all, "7 (a) S 1"), None);
    }

    #[test]
    fn what_the_runner_took_is_not_of_others() {
        let at = |total, busy, own| Reading { total, busy, own };
        let begin = at(1000, 500, 300);
        let share = |later| begin.share_until(later);
        assert!((share(at(1400, 600, 380)) - 0.05).abs() < 1e-9);
        assert_eq!(share(at(1400, 600, 400)).to_bits(), 0);
        // The two are counted in different ways: a little less than nothing is nothing.
        assert_eq!(share(at(1400, 600, 405)).to_bits(), 0);
        // Nineteen ticks of twenty would be much, but are rounding.
        assert_eq!(share(at(1020, 519, 300)).to_bits(), 0);
    }

    #[test]
    fn a_small_share_is_not_doubted() {
        assert_eq!(doubt(None), None);
        assert_eq!(doubt(Some(0.049)), None);
        assert_eq!(doubt(Some(0.31)).as_deref(), Some("others took 31 % of the processors"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_can_be_read() {
        let now = Reading::now(std::process::id()).unwrap();
        assert!(now.total > 0 && now.own <= now.total);
        assert_eq!(Reading::now(u32::MAX), None);
    }
}
