//! How much of the processors others took while a runner was at work.
//!
//! Others are all programs but the runner, engines that wait for their turn among them, and the host
//! of a virtual machine, which may take the processor away (`steal`). Time inside the kernel does
//! not count, be it for a program or its own: whose pages it writes back cannot be told.

use std::fs;

use super::table::precise;

/// From this share on figures are doubtful: a tenth of a core on a machine with two.
const DISTURBING: f64 = 0.05;
/// Fewer ticks than this, of 10 ms each, are rounding: in less than 2 s of two cores nothing can be
/// told.
const LEAST_TICKS: f64 = 20.0;

/// The counters at a moment, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Of all processors, idle or not.
    total: u64,
    /// Of those, in programs.
    programs: u64,
    /// Of those, in the runner.
    own: u64,
    /// Taken away by the host.
    stolen: u64,
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
        Some(Self { total: ticks.iter().sum(), programs: user + nice, own, stolen })
    }

    /// The share of all processors' time between `self` and `later` that others took; `None` where
    /// that was too short to tell.
    pub(crate) fn share_until(self, later: Self) -> Option<f64> {
        let since = |of: fn(Self) -> u64| of(later).saturating_sub(of(self));
        let others = since(|at| at.programs).saturating_sub(since(|at| at.own));
        let others = precise(others + since(|at| at.stolen));
        let total = precise(since(|at| at.total));
        (total * DISTURBING >= LEAST_TICKS).then(|| others / total)
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
        assert_eq!(reading, Reading { total: 14_393, programs: 320, own: 100, stolen: 30 });
        assert_eq!(Reading::of("cpu  1 2 3\n", OWN), None);
        assert_eq!(Reading::of(all, "7 (a) S 1"), None);
    }

    #[test]
    fn what_the_runner_took_is_not_of_others() {
        let at = |total, programs, own, stolen| Reading { total, programs, own, stolen };
        let begin = at(1000, 500, 300, 70);
        let share = |later| begin.share_until(later);
        assert_eq!(share(at(1400, 600, 350, 70)), Some(0.125));
        assert_eq!(share(at(1400, 600, 400, 70)), Some(0.0));
        // Programs and one's own are counted in different ways: what is too much there hides
        // nothing that the host took.
        assert_eq!(share(at(1400, 600, 420, 120)), Some(0.125));
        // Nineteen ticks of twenty would be much, and may be rounding.
        assert_eq!(share(at(1020, 519, 300, 70)), None);
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
