//! Bars for long work, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar of bytes; without a total it only turns and counts.
pub(crate) fn of_bytes(what: &'static str, total: Option<u64>) -> ProgressBar {
    match total {
        Some(total) => shown(
            ProgressBar::new(total),
            what,
            "{msg} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => shown(ProgressBar::new_spinner(), what, "{spinner} {msg} {bytes} {bytes_per_sec}"),
    }
}

/// A bar of things.
pub(crate) fn of_count(what: &'static str, total: u64) -> ProgressBar {
    shown(ProgressBar::new(total), what, "{msg} {bar:40} {pos}/{len} {eta}")
}

/// Something that takes a while.
pub(crate) fn of_work(what: &'static str) -> ProgressBar {
    let bar = shown(ProgressBar::new_spinner(), what, "{spinner} {msg} {elapsed}");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn shown(bar: ProgressBar, what: &'static str, template: &str) -> ProgressBar {
    // A template that is wrong costs the looks, not the work.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}
