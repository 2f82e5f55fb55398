//! Replaces a file so that a power cut leaves the old one or the new one, on two file systems.

use siltstone_vfs::{DiskVfs, MemVfs, Vfs};
use std::io;
use std::path::Path;

/// Makes `bytes` the content of `dir/name`: written, synced, renamed, and the name synced.
fn replace(vfs: &dyn Vfs, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    if vfs.metadata(&new).is_ok() {
        vfs.unlink(&new)?;
    }
    let mut file = vfs.create_new(&new)?;
    file.append(bytes)?;
    file.sync()?;
    vfs.rename(&new, &dir.join(name))?;
    vfs.sync_dir(dir)
}

fn read(vfs: &dyn Vfs, path: &Path) -> io::Result<Vec<u8>> {
    let file = vfs.open_read(path)?;
    let mut bytes = vec![0; usize::try_from(file.bytes()?).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> io::Result<()> {
    // In memory the power is cut after every operation, and each time in a dozen ways.
    let dir = Path::new("/db");
    let mut cuts = 0;
    for operations in 6.. {
        let vfs = MemVfs::new();
        vfs.create_dir_all(dir)?;
        replace(&vfs, dir, "CURRENT", b"old")?;
        vfs.cut_after(operations);
        let done = replace(&vfs, dir, "CURRENT", b"new").is_ok();
        for seed in 0..12 {
            let found = read(&vfs.power_cut_keeping(seed), &dir.join("CURRENT"))?;
            assert!(found == b"new" || (found == b"old" && !done));
            cuts += 1;
        }
        if done {
            break;
        }
    }
    println!(
        "{cuts} power cuts left the old file or the new one, and the new one once it was done"
    );

    // The same code on the disk.
    let temporary = tempfile::tempdir()?;
    let disk = DiskVfs::new();
    replace(&disk, temporary.path(), "CURRENT", b"old")?;
    replace(&disk, temporary.path(), "CURRENT", b"new")?;
    let path = temporary.path().join("CURRENT");
    assert_eq!(read(&disk, &path)?, b"new");
    let map = disk.open_read(&path)?.map()?;
    println!(
        "on disk, mapped: {map:?}; maps there are safe: {}",
        disk.maps_are_safe(temporary.path())
    );
    Ok(())
}
