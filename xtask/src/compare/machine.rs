//! The machine and the day, as the results name them.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What figures depend on; unknown where the system has no `/proc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// When the run began, in UTC.
    pub(crate) date: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) system: String,
    /// Kind of the file system that holds the stores.
    pub(crate) file_system: String,
    /// Tasks that ran or wanted to in the minute before.
    pub(crate) load: Option<f64>,
}

impl Machine {
    /// This machine, now; stores go to `folder`.
    pub(crate) fn here(folder: &Path) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            date: date(now.as_secs() / 86_400),
            cpu: after(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kibibytes(&read("/proc/meminfo"), "MemTotal"),
            system: match read("/proc/sys/kernel/osrelease").trim() {
                "" => std::env::consts::OS.to_owned(),
                release => format!("{} {release}", std::env::consts::OS),
            },
            file_system: file_system(&read("/proc/self/mountinfo"), folder),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
        }
    }

    /// Why figures of this machine would not be worth much at this moment.
    pub(crate) fn doubts(&self, lanes: usize, limit_bytes: u64) -> Vec<String> {
        let mut doubts = Vec::new();
        if let Some(load) = self.load.filter(|load| *load > 0.5) {
            doubts.push(format!("the machine is busy: load {load}"));
        }
        let all = limit_bytes.saturating_mul(lanes as u64);
        if self.memory_bytes.is_some_and(|memory| all > memory / 10 * 9) {
            doubts.push(format!(
                "{lanes} processes of up to {} MiB each do not fit into memory side by side: one's \
                 page cache may push out another's",
                limit_bytes >> 20
            ));
        }
        if matches!(self.file_system.as_str(), "tmpfs" | "ramfs") {
            doubts.push("the stores are in memory, not on a device: --out elsewhere".to_owned());
        }
        doubts
    }
}

/// The rest of the first line that begins with `name`, behind the colon.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let number: u64 = after(text, name)?.split(' ').next()?.parse().ok()?;
    Some(number << 10)
}

/// The kind of the file system with the longest mount point above `folder`.
fn file_system(mounts: &str, folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let of_line = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let place = place.split(' ').nth(4)?.to_owned();
        let kind = kind.split(' ').next()?.to_owned();
        folder.starts_with(&place).then_some((place, kind))
    };
    let mounts = mounts.lines().filter_map(of_line);
    mounts
        .max_by_key(|(place, _)| place.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind)
}

/// The date of a day since 1970 as `2000-02-29`, after Hinnant's `civil_from_days`.
fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(20_088), "2024-12-31");
    }

    #[test]
    fn the_file_system_is_that_of_the_longest_mount_point() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:3 / /proc rw shared:1 - proc proc rw\n\
            3 1 8:2 / /no-such-data rw - xfs /dev/b rw\n";
        assert_eq!(file_system(mounts, Path::new("/no-such-folder")), "ext4");
        assert_eq!(file_system(mounts, Path::new("/no-such-data/compare")), "xfs");
        assert_eq!(file_system("", Path::new("/x")), "unknown");
    }

    #[test]
    fn a_busy_or_small_machine_is_doubted() {
        let quiet = Machine { load: Some(0.1), memory_bytes: Some(24 << 30), ..Machine::default() };
        assert_eq!(quiet.doubts(5, 2 << 30), Vec::<String>::new());
        assert_eq!(quiet.doubts(12, 2 << 30).len(), 1);
        assert_eq!(Machine { load: Some(3.0), ..quiet.clone() }.doubts(5, 2 << 30).len(), 1);
        assert_eq!(Machine { file_system: "tmpfs".into(), ..quiet }.doubts(5, 1).len(), 1);
    }
}
