//! An engine that is a sorted map and answers wrongly in a way that a test chooses.

use siltstone_bench::{Direction, Durability, Engine, Error, Op, Session, Stats, Store};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a sorted map misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    LosesPuts,
    DropsPuts,
    DropsDeletes,
    FindsLess,
    ForgetsDeletes,
    ReturnsOldValues,
    ReturnsOtherValues,
    FlipsBits,
    FindsAbsentKeys,
    SkipsInScans,
    ScansOutOfOrder,
    EndsScansEarly,
    SkipsInTheMiddle,
    NeverSettles,
    PanicsInGets,
}

/// Makes maps that misbehave in their session `from` (the first is 1) and the later ones.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    pub(crate) from: u64,
}

#[derive(Debug)]
struct BrokenStore {
    fault: Fault,
    from: u64,
    sessions: AtomicU64,
    entries: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

struct BrokenSession<'a> {
    store: &'a BrokenStore,
    fault: Fault,
    calls: u64,
}

impl Engine for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    #[expect(clippy::disallowed_methods, reason = "the runner looks at the folder's size")]
    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        std::fs::create_dir_all(dir).map_err(Error::engine("create"))?;
        let &Self { fault, from } = self;
        let sessions = AtomicU64::new(0);
        Ok(Box::new(BrokenStore { fault, from, sessions, entries: Mutex::default() }))
    }
}

impl Store for BrokenStore {
    fn session(&self, _: Durability) -> Result<Box<dyn Session + '_>, Error> {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let fault = if session >= self.from { self.fault } else { Fault::None };
        Ok(Box::new(BrokenSession { store: self, fault, calls: 0 }))
    }

    fn sync(&self) -> Result<(), Error> {
        Ok(())
    }

    fn settle(&self, _: Duration) -> Result<bool, Error> {
        Ok(self.fault != Fault::NeverSettles)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

impl BrokenSession<'_> {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.store.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this call is one that goes wrong because of `fault`.
    fn fails(&mut self, fault: Fault) -> bool {
        self.calls += 1;
        self.fault == fault && self.calls.is_multiple_of(50)
    }
}

impl Session for BrokenSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let keeps_old = self.fault == Fault::ReturnsOldValues && value[16] > 1;
        let drops = self.fault == Fault::DropsPuts || keeps_old;
        if !self.fails(Fault::LosesPuts) && !drops {
            self.entries().insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        if !self.fails(Fault::ForgetsDeletes) && self.fault != Fault::DropsDeletes {
            self.entries().remove(key);
        }
        Ok(())
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        ops.iter().try_for_each(|op| match op {
            Op::Put(key, value) => self.put(key, value),
            Op::Delete(key) => self.delete(key),
        })
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        if self.fails(Fault::FindsLess) {
            return Ok(false);
        }
        assert!(self.fault != Fault::PanicsInGets, "a panic of the engine");
        let value = if self.fault == Fault::ReturnsOtherValues {
            self.entries().values().next().cloned()
        } else {
            self.entries().get(key).cloned()
        };
        if let Some(mut value) = value {
            if self.fault == Fault::FlipsBits {
                value[90] ^= 1;
            }
            see(&value);
            return Ok(true);
        }
        Ok(self.fails(Fault::FindsAbsentKeys))
    }

    fn scan(
        &mut self,
        from: Option<&[u8]>,
        direction: Direction,
        see: &mut siltstone_bench::See<'_>,
    ) -> Result<(), Error> {
        let entries = self.entries().clone();
        let from = from.unwrap_or_default();
        let mut range: Vec<_> = match direction {
            Direction::Forward => {
                entries.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).collect()
            }
            Direction::Reverse => entries.iter().rev().collect(),
        };
        if self.fault == Fault::SkipsInScans {
            range.remove(0);
        }
        if self.fault == Fault::ScansOutOfOrder && range.len() > 1 {
            range.swap(0, 1);
        }
        // A scan of ten entries meets these. Where many are left, the count of a scan says nothing.
        if self.fault == Fault::SkipsInTheMiddle && range.len() > 200 {
            range.remove(5);
        }
        if self.fault == Fault::EndsScansEarly && range.len() > 5 {
            range.truncate(5);
        }
        for (key, value) in range {
            if see(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
