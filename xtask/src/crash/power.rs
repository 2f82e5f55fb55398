//! Loss of power at any write to a real disk with a real file system.
//!
//! 1. ext4 on a disk that writes down every write and flush (`mount.rs`).
//! 2. Writers there, synced and buffered; with each acknowledgement the length of that log is
//!    noted: what is behind it was written after the batch was durable, if it was to be.
//! 3. For points all over the log, an image of the disk as a loss of power would leave it
//!    (`write_log.rs`).
//! 4. Each is mounted and looked at as after a restart of the machine, with another boot id.
//!
//! What must hold for an image: every batch is there whose seqno is at most that of a synced batch
//! acknowledged before the point; and what is there is a prefix in the order of seqnos.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Plan;
use super::ledger::Ledger;
use super::mount::{LoggedDisk, Loop, Mounted, make_ext4, tool};
use super::said::Said;
use super::seed::Seed;
use super::session::Session;
use super::write_log::{WriteLog, empty_image};
use super::writers::HUNG;
use crate::report::Outcome;

const DISK_BYTES: u64 = 64 << 20;
const THREADS: usize = 4;
const IMAGES: usize = 50;
const IMAGES_FULL: usize = 200;
const SETTINGS: &str =
    "threads=4 batches=120 sync-every=3 window=48 memtable-bytes=8192 value-bytes=600";
/// The exit code of the script below when the image cannot be mounted.
const NOT_MOUNTED: i32 = 90;
/// Mounts an image and starts the rest of its arguments, on a machine that was started anew.
const AFTER_RESTART: &str = "mount -o loop \"$1\" \"$2\" || exit 90
mount --bind \"$3\" /proc/sys/kernel/random/boot_id || exit 91
shift 3
exec \"$@\"";

pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    if let Some(why) = why_not() {
        return Ok(Outcome::Skipped(why));
    }
    let folder = tempfile::tempdir().context("make a folder for disks")?;
    let bench = Bench { plan, folder: folder.path() };
    let recorded = bench.record()?;
    let mut seed = plan.seed("power");
    bench.images(&recorded, &mut seed)
}

/// What is missing here, if something is.
fn why_not() -> Option<String> {
    for name in ["qemu-storage-daemon", "losetup", "mkfs.ext4", "mount", "unshare"] {
        if tool(name, ["--version"]).is_err() && tool(name, ["-V"]).is_err() {
            return Some(format!("{name} is not installed"));
        }
    }
    if !Path::new("/dev/fuse").exists() {
        return Some("there is no /dev/fuse".to_owned());
    }
    let error = tool("losetup", ["--find"]).err()?;
    Some(format!("no loop device: {error:#}"))
}

/// Where it happens.
struct Bench<'a> {
    plan: &'a Plan,
    folder: &'a Path,
}

/// A run of the writers, and everything it wrote to the disk.
struct Recorded {
    log: WriteLog,
    acks: Vec<Ack>,
    ledger: Ledger,
    /// Bytes of the log when the writers began.
    began: u64,
}

/// One acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Ack {
    thread: usize,
    number: u64,
    seqno: u64,
    synced: bool,
    /// Bytes of the log of writes when it was heard.
    log_bytes: u64,
}

impl Bench<'_> {
    fn place(&self) -> PathBuf {
        self.folder.join("mounted")
    }

    fn record(&self) -> Result<Recorded> {
        let disk = LoggedDisk::start(self.folder, DISK_BYTES)?;
        let device = Loop::over(disk.export())?;
        make_ext4(device.device())?;
        let mounted = Mounted::device(device.device(), &self.place())?;
        let began = disk.log_bytes()?;
        let mut ledger = Ledger::new(THREADS);
        let mut acks = Vec::new();
        let mut command = self.plan.writers.command("write", &self.place().join("db"), SETTINGS);
        let mut session = Session::start(&mut command)?;
        session.listen(HUNG, &mut |said| {
            if let Said::Ack { thread, number, seqno, synced } = *said {
                acks.push(Ack { thread, number, seqno, synced, log_bytes: disk.log_bytes()? });
            }
            ledger.hear(said)
        })?;
        let ended = session.end()?;
        ensure!(ended.status.success(), "the writers: {ended}");
        drop(mounted);
        drop(device);
        let log = WriteLog::read(disk.end()?)?;
        Ok(Recorded { log, acks, ledger, began })
    }

    fn images(&self, recorded: &Recorded, seed: &mut Seed) -> Result<Outcome> {
        let log = &recorded.log;
        let places: Vec<usize> = (0..log.entries.len())
            .filter(|index| log.entries[*index].end > recorded.began)
            // At a flush there is nothing to be lost.
            .filter(|index| !log.entries[*index].flushes())
            .collect();
        let wanted = if self.plan.full { IMAGES_FULL } else { IMAGES };
        let points = seed.spread(&places, wanted);
        ensure!(points.len() == wanted, "only {} writes to choose from", places.len());
        let boot = self.folder.join("boot");
        fs::write(&boot, "5117570e-0000-4000-8000-000000000001\n").context("write a boot id")?;
        let durable = self.folder.join("durable");
        let mut image = DurableImage { file: empty_image(&durable, DISK_BYTES)?, next: 0 };
        let mut figures = Figures::default();
        for point in points {
            if self.plan.is_late() {
                break;
            }
            self.one(recorded, point, &mut image, seed, &mut figures)
                .with_context(|| format!("power lost at write {point} of {}", log.entries.len()))?;
        }
        ensure!(figures.not_mounted * 20 <= figures.images, "{figures:?}");
        ensure!(figures.torn > 0 && figures.behind > 0, "images that lost nothing: {figures:?}");
        Ok(Outcome::Counted(format!(
            "{} images of {} writes, {} lost something the disk had not flushed, {} a buffered \
             batch; {} acknowledged, 0 missing that were synced, every one a prefix{}{}",
            figures.images,
            places.len(),
            figures.torn,
            figures.behind,
            recorded.acks.len(),
            match figures.not_mounted {
                0 => String::new(),
                count => format!("; ext4 itself refused {count}"),
            },
            Plan::cut_short(figures.images, wanted as u64),
        )))
    }

    /// One loss of power right after entry `point` was given to the disk.
    fn one(
        &self,
        recorded: &Recorded,
        point: usize,
        durable: &mut DurableImage,
        seed: &mut Seed,
        figures: &mut Figures,
    ) -> Result<()> {
        let log = &recorded.log;
        let unsynced = log.flush_before(point).map_or(0, |flush| flush + 1);
        durable.grow(log, unsynced)?;
        let path = self.folder.join("image");
        tool("cp", [Path::new("--sparse=always"), &self.folder.join("durable"), &path])?;
        let image = File::options().write(true).open(&path).context("open an image")?;
        let lost = log.apply_some(unsynced..=point, &image, seed)?;
        drop(image);
        figures.images += 1;
        figures.torn += u64::from(lost > 0);
        let Some(found) = self.look(&path, &recorded.ledger)? else {
            figures.not_mounted += 1;
            return Ok(());
        };
        let missing = judge(&recorded.acks, &found, log.entries[point].end)?;
        figures.behind += u64::from(missing > 0);
        fs::remove_file(&path).context("remove an image")
    }

    /// What is on the image, by thread; `None` if the file system cannot be mounted.
    fn look(&self, image: &Path, ledger: &Ledger) -> Result<Option<Vec<u64>>> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", AFTER_RESTART, "sh"]);
        command.args([image, &self.place(), &self.folder.join("boot")]);
        command.args(self.plan.writers.words("check", &self.place().join("db"), SETTINGS));
        let mut found = vec![0; THREADS];
        let mut session = Session::start(&mut command)?;
        session.listen(HUNG, &mut |said| {
            if let Said::Found { thread, number } = *said {
                ensure!(number <= ledger.most(thread), "thread {thread} has {number}");
                found[thread] = number;
            }
            Ok(())
        })?;
        let ended = session.end()?;
        if ended.status.code() == Some(NOT_MOUNTED) {
            return Ok(None);
        }
        ensure!(ended.status.success(), "the check: {ended}");
        Ok(Some(found))
    }
}

#[derive(Debug, Default)]
struct Figures {
    images: u64,
    torn: u64,
    behind: u64,
    not_mounted: u64,
}

/// The disk as it was at some flush; points come in rising order.
struct DurableImage {
    file: File,
    /// The first entry that is not in it.
    next: usize,
}

impl DurableImage {
    /// Adds everything before entry `end`.
    fn grow(&mut self, log: &WriteLog, end: usize) -> Result<()> {
        for index in self.next..end {
            log.apply(index, &self.file)?;
        }
        self.next = self.next.max(end);
        Ok(())
    }
}

/// Whether `found` may be, when power went at byte `cut` of the log of writes; returns how many
/// batches that had been acknowledged are missing, as buffered ones may.
fn judge(acks: &[Ack], found: &[u64], cut: u64) -> Result<usize> {
    let is_there = |ack: &&Ack| ack.number <= found[ack.thread];
    let synced = acks.iter().filter(|ack| ack.synced && ack.log_bytes <= cut);
    let durable = synced.map(|ack| ack.seqno).max().unwrap_or(0);
    let newest = acks.iter().filter(is_there).map(|ack| ack.seqno).max().unwrap_or(0);
    let mut missing = 0;
    for ack in acks.iter().filter(|ack| !is_there(ack)) {
        ensure!(ack.seqno > durable, "LOST: {ack:?}, synced through {durable}, found {found:?}");
        ensure!(ack.seqno > newest, "a HOLE: {ack:?} missing before {newest}, found {found:?}");
        missing += usize::from(ack.log_bytes <= cut);
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thread 0 writes batches with seqnos 1, 3, 5, thread 1 with 2, 4; the fourth is synced.
    fn acks() -> Vec<Ack> {
        let ack = |seqno: u64| Ack {
            thread: usize::from(seqno.is_multiple_of(2)),
            number: seqno.div_ceil(2),
            seqno,
            synced: seqno == 4,
            log_bytes: seqno * 100,
        };
        (1..=5).map(ack).collect()
    }

    #[test]
    fn what_a_sync_covered_must_be_there_once_it_was_acknowledged() {
        assert_eq!(judge(&acks(), &[2, 2], 400).unwrap(), 0);
        assert_eq!(judge(&acks(), &[2, 2], 500).unwrap(), 1, "the fifth was buffered");
        assert!(judge(&acks(), &[2, 1], 400).unwrap_err().to_string().starts_with("LOST"));
        assert!(judge(&acks(), &[1, 1], 399).is_ok());
    }

    #[test]
    fn what_is_there_is_a_prefix() {
        let error = judge(&acks(), &[2, 0], 300).unwrap_err();
        assert!(error.to_string().contains("HOLE"), "{error}");
    }
}
