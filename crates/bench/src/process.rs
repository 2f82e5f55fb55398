//! What the operating system counts of this process. `None` where it does not say.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Counters of this process since its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Bytes that it caused to be written to devices; page cache that is not written yet counts.
    pub(crate) written_bytes: Option<u64>,
    /// Bytes that it caused to be read from devices.
    pub(crate) read_bytes: Option<u64>,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let io = read("/proc/self/io");
        Self {
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            written_bytes: field(&io, "write_bytes:"),
            read_bytes: field(&io, "read_bytes:"),
        }
    }
}

/// Forgets the peak of memory so far, where the system lets us.
#[expect(clippy::disallowed_methods, reason = "a switch of the kernel, no file of a database")]
pub(crate) fn forget_peak() {
    // Where it cannot be forgotten, the peak is the one since the start.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

/// Lets this thread wake when it asked for: the system may add 50 us otherwise, to save energy.
pub(crate) fn wake_exactly() {
    // Where it is refused, operations begin a little later, which the report shows.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Most bytes of memory at once since the last `forget_peak`, mapped files included.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    field(&read("/proc/self/status"), "VmHWM:").map(|kib| kib * 1024)
}

/// Bytes of memory that are of no file, now.
pub(crate) fn anonymous_memory_bytes() -> Option<u64> {
    field(&read("/proc/self/status"), "RssAnon:").map(|kib| kib * 1024)
}

#[expect(clippy::disallowed_methods, reason = "counters of the kernel, no file of a database")]
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The number behind `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes that the files below `dir` take on the disk.
#[expect(clippy::disallowed_methods, reason = "any engine's files, which no Vfs knows")]
pub(crate) fn directory_bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A file may be removed while we look.
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += directory_bytes(&entry.path())?,
            Ok(metadata) => bytes += allocated_bytes(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn allocated_bytes(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated_bytes(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

/// Removes `dir` and what is in it.
#[expect(clippy::disallowed_methods, reason = "any engine's files, which no Vfs knows")]
pub(crate) fn remove_directory(dir: &Path) -> io::Result<()> {
    fs::remove_dir_all(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_number_behind_its_name() {
        let text = "rchar: 5\nread_bytes: 4096\nwrite_bytes: 12\ncancelled_write_bytes: 7\n";
        assert_eq!(field(text, "write_bytes:"), Some(12));
        assert_eq!(field(text, "read_bytes:"), Some(4096));
        assert_eq!(field("VmHWM:\t  20 kB\n", "VmHWM:"), Some(20));
        assert_eq!(field(text, "VmHWM:"), None);
    }

    #[test]
    fn work_takes_processor_time() {
        let before = Usage::now();
        let mut sum = 1_u64;
        while Usage::now().cpu < before.cpu + Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_mul(3));
        }
        assert!(Usage::now().cpu > before.cpu);
    }
}
