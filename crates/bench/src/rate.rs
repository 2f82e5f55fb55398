//! Whether operations began as often as they were due.

use crate::schedule::Pace;
use serde::Serialize;
use std::fmt;

/// How an open loop kept its rate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Operations that were asked for in each second.
    pub asked_ops_per_second: u64,
    /// Operations that were done in each second.
    pub achieved_ops_per_second: f64,
    /// Operations that were due before the schedule ended.
    pub due: u64,
    /// Those of them that had not begun by then.
    pub backlog: u64,
    /// Whether the backlog was at most 1 % of what was due.
    pub kept: bool,
    /// How late an operation began whose thread had slept until it was due, the median: what the
    /// machine's timer adds to latencies. `None` if no thread ever slept.
    pub wake_p50_us: Option<f64>,
}

impl Rate {
    pub(crate) fn new(asked: u64, achieved: f64, pace: &Pace) -> Self {
        let backlog = pace.due.saturating_sub(pace.begun);
        #[expect(clippy::cast_precision_loss, reason = "three digits are kept anyway")]
        let wake = || pace.wakes.value_at_quantile(0.5) as f64 / 1000.0;
        Self {
            asked_ops_per_second: asked,
            achieved_ops_per_second: achieved,
            due: pace.due,
            backlog,
            kept: backlog.saturating_mul(100) <= pace.due,
            wake_p50_us: (!pace.wakes.is_empty()).then(wake),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, achieved) = (self.asked_ops_per_second, self.achieved_ops_per_second);
        write!(f, "rate {}kept: ", if self.kept { "" } else { "NOT " })?;
        write!(f, "asked for {asked} operations per second, did {achieved:.0}; ")?;
        write!(f, "{} of {} were due and not begun at the end", self.backlog, self.due)?;
        self.wake_p50_us.map_or(Ok(()), |wake| write!(f, "; the timer woke {wake:.1} us late"))
    }
}
