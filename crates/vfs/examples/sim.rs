//! Finds a forgotten directory sync in code that saves a file, on a simulated disk.

use siltstone_vfs::{CrashPolicy, SimVfs, Vfs};
use std::io;
use std::path::Path;

/// The code under test: it says that `bytes` are saved when it returns. It syncs the bytes of the
/// new file, and its name only if `with_dir_sync`.
fn save(vfs: &dyn Vfs, bytes: &[u8], with_dir_sync: bool) -> io::Result<()> {
    let mut file = vfs.create_new(Path::new("/notes.new"))?;
    file.append(bytes)?;
    file.sync()?;
    vfs.rename(Path::new("/notes.new"), Path::new("/notes"))?;
    if with_dir_sync { vfs.sync_dir(Path::new("/")) } else { Ok(()) }
}

/// The first crash after which a saved note is not there.
fn first_loss(with_dir_sync: bool) -> io::Result<Option<(CrashPolicy, u64)>> {
    let disk = SimVfs::new(0);
    save(&disk, b"milk", with_dir_sync)?;
    let tries =
        CrashPolicy::ALL.into_iter().flat_map(|policy| (0..20).map(move |seed| (policy, seed)));
    let is_lost = |(policy, seed): &(CrashPolicy, u64)| !matches!(disk.crash(*policy, *seed).read("/notes"), Ok(bytes) if bytes == b"milk");
    Ok(tries.into_iter().find(is_lost))
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> io::Result<()> {
    let found = first_loss(false)?;
    assert_eq!(found, Some((CrashPolicy::LoseUnsynced, 0)));
    println!("without the directory sync the note is lost: {found:?}");
    assert_eq!(first_loss(true)?, None);
    println!("with it no crash loses the note");
    Ok(())
}
