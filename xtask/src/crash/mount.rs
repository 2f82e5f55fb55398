//! File systems of our own, which are gone when their value goes.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs a tool of the machine and returns what it printed.
pub(super) fn tool<A: AsRef<std::ffi::OsStr>>(
    name: &str,
    args: impl IntoIterator<Item = A>,
) -> Result<String> {
    let output = Command::new(name).args(args).output().with_context(|| format!("start {name}"))?;
    let says = String::from_utf8_lossy(&output.stderr);
    let says = says.lines().next().unwrap_or_default();
    ensure!(output.status.success(), "{name}: {}: {says}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A mounted file system.
#[derive(Debug)]
pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// A file system in memory, of `bytes`, at the new folder `at`.
    pub(super) fn memory(at: &Path, bytes: u64) -> Result<Self> {
        fs::create_dir_all(at).context("make a folder")?;
        let size = format!("size={bytes},mode=700");
        let args = ["-t", "tmpfs", "-o", &size, "siltstone"].map(Path::new);
        tool("mount", args.into_iter().chain([at]))?;
        Ok(Self(at.to_path_buf()))
    }

    /// The file system on `device` at the folder `at`, made if missing.
    pub(super) fn device(device: &Path, at: &Path) -> Result<Self> {
        fs::create_dir_all(at).context("make a folder")?;
        tool("mount", [device, at])?;
        Ok(Self(at.to_path_buf()))
    }

    /// A new ext4 in the new file `image` of `bytes`, at `at`.
    pub(super) fn ext4(image: &Path, at: &Path, bytes: u64) -> Result<Self> {
        fs::create_dir_all(at).context("make a folder")?;
        File::create_new(image).and_then(|file| file.set_len(bytes)).context("make an image")?;
        make_ext4(image)?;
        tool("mount", [Path::new("-o"), Path::new("loop"), image, at])?;
        Ok(Self(at.to_path_buf()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = tool("umount", [&self.0]) {
            eprintln!("still mounted: {error:#}");
        }
    }
}

/// Makes an ext4 whose every block is written now, not some time later by the kernel.
pub(super) fn make_ext4(on: &Path) -> Result<()> {
    let now = "nodiscard,lazy_itable_init=0,lazy_journal_init=0";
    let args = ["-q", "-F", "-m", "0", "-E", now].map(Path::new);
    tool("mkfs.ext4", args.into_iter().chain([on])).map(drop)
}

/// A block device over a file.
#[derive(Debug)]
pub(super) struct Loop(PathBuf);

impl Loop {
    pub(super) fn over(file: &Path) -> Result<Self> {
        let args = [Path::new("--find"), Path::new("--show"), file];
        Ok(Self(tool("losetup", args)?.into()))
    }

    pub(super) fn device(&self) -> &Path {
        &self.0
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Err(error) = tool("losetup", [Path::new("--detach"), &self.0]) {
            eprintln!("still a device: {error:#}");
        }
    }
}

/// A disk in a file that writes down everything that is written to it, and in which order.
///
/// `qemu-storage-daemon` exports it through FUSE as a file; the log has the format of the
/// kernel's dm-log-writes.
#[derive(Debug)]
pub(super) struct LoggedDisk {
    daemon: Child,
    export: PathBuf,
    log: PathBuf,
}

impl LoggedDisk {
    /// A disk of `bytes`, all zeros, in the files `disk`, `log` and `export` of `folder`.
    pub(super) fn start(folder: &Path, bytes: u64) -> Result<Self> {
        let [disk, log, export] = ["disk", "log", "export"].map(|name| folder.join(name));
        for (path, bytes) in [(&disk, bytes), (&log, 0), (&export, 0)] {
            File::create_new(path).and_then(|file| file.set_len(bytes)).context("make a file")?;
        }
        let node = |driver: &str, rest: String| format!("driver={driver},{rest}");
        let file = |name: &str, path: &Path| {
            node("file", format!("node-name={name},filename={}", path.display()))
        };
        let mut command = Command::new("qemu-storage-daemon");
        command.args(["--blockdev", &file("disk", &disk), "--blockdev", &file("log", &log)]);
        let logged = "node-name=logged,file=disk,log=log,log-sector-size=512".to_owned();
        command.args(["--blockdev", &node("blklogwrites", logged), "--export"]);
        let export_as =
            format!("type=fuse,id=e,node-name=logged,writable=on,mountpoint={}", export.display());
        command.args([&export_as, "--chardev", "stdio,id=words", "--monitor", "chardev=words"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let daemon = command.spawn().context("start qemu-storage-daemon")?;
        let mut started = Self { daemon, export, log };
        started.await_greeting()?;
        Ok(started)
    }

    /// Its options are obeyed in their order: when the monitor speaks the export is there.
    fn await_greeting(&mut self) -> Result<()> {
        let stdout = self.daemon.stdout.as_mut().context("the daemon has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("hear the daemon")?;
        ensure!(line.contains("QMP"), "qemu-storage-daemon ended at once");
        Ok(())
    }

    /// The file that is the disk.
    pub(super) fn export(&self) -> &Path {
        &self.export
    }

    /// Bytes written down so far.
    pub(super) fn log_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.log).context("look at the log of writes")?.len())
    }

    /// Ends the daemon, and with it the log, which is returned.
    pub(super) fn end(mut self) -> Result<File> {
        let stdin = self.daemon.stdin.as_mut().context("the daemon has no stdin")?;
        let words = b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n";
        stdin.write_all(words).context("ask the daemon to end")?;
        let status = self.daemon.wait().context("wait for the daemon")?;
        ensure!(status.success(), "qemu-storage-daemon: {status}");
        File::open(&self.log).context("open the log of writes")
    }
}

impl Drop for LoggedDisk {
    fn drop(&mut self) {
        // After `end` there is nobody left to be killed.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
