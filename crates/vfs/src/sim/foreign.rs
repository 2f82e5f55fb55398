//! What rot at rest and foreign hands do to files between two runs: durable at once, seen by open
//! handles, no operation, and met by no armed fault.

use super::SimVfs;
use super::counts::FaultClass;
use super::fault::Rot;
use super::spoil::spoil;
use crate::SeededRandom;
use std::io;
use std::path::Path;

impl SimVfs {
    /// Makes `bytes` all that the file `path` holds; creates it if it is missing.
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        let plan = self.disk.plan.lock();
        self.disk.mem.write(path, bytes)?;
        plan.counters.add(FaultClass::ForeignHand);
        Ok(())
    }

    /// Takes the file `path` away.
    pub fn remove(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let plan = self.disk.plan.lock();
        self.disk.mem.remove(path)?;
        plan.counters.add(FaultClass::ForeignHand);
        Ok(())
    }

    /// Cuts the file `path` off behind its first `bytes`; one as short stays as it is.
    pub fn truncate(&self, path: impl AsRef<Path>, bytes: usize) -> io::Result<()> {
        let mut left = self.read(&path)?;
        left.truncate(bytes);
        self.write(path, &left)
    }

    /// Makes `to` a copy of the file `from`.
    pub fn duplicate(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        let bytes = self.read(from)?;
        self.write(to, &bytes)
    }

    /// Exchanges the bytes of the file `path` with those of `other_path` on `other`, which may be
    /// this disk: files of another database, or another table of this one.
    pub fn swap(
        &self,
        path: impl AsRef<Path>,
        other: &Self,
        other_path: impl AsRef<Path>,
    ) -> io::Result<()> {
        let (bytes, other_bytes) = (self.read(&path)?, other.read(&other_path)?);
        self.write(path, &other_bytes)?;
        other.write(other_path, &bytes)
    }

    /// Lets the file `path` rot at a place that `seed` draws; `false` if its bytes are what they
    /// were, as a sector of zeros that is zeroed.
    pub fn rot(&self, path: impl AsRef<Path>, rot: Rot, seed: u64) -> io::Result<bool> {
        let plan = self.disk.plan.lock();
        let inode = self.disk.mem.inode(path.as_ref())?;
        let random = SeededRandom::new(seed);
        let mut content = inode.content.lock();
        let (stale, now) = (content.stale().to_vec(), content.bytes.to_vec());
        let count = now.len();
        // A misdirected write hits one sector of the file, the other kinds find one by themselves.
        let piece = match rot {
            Rot::Misdirected => {
                let start = random.below(count.div_ceil(512).max(1)) * 512;
                start..(start + 512).min(count)
            }
            _ => 0..count,
        };
        let offset = piece.start;
        let mut piece = now[piece].to_vec();
        let rotten = spoil(rot, &mut piece, offset, (&stale, &now), &random);
        content.bytes.put(offset, &piece);
        if rotten {
            plan.counters.add(FaultClass::Rot);
        }
        Ok(rotten)
    }
}
