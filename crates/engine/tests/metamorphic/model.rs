//! The state of the oracle: what each keyspace holds, what of it would survive loss of power, and
//! what every held thing must still show.

use crate::config::Config;
use crate::op::{Op, SLOTS, SPACES, Write};
use crate::oracle::Wrong;
use crate::outcome::{Outcome, State};
use crate::shown::{HeldCursor, HeldScan};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names of the keyspaces.
pub(crate) const NAMES: [&str; SPACES] = ["default", "busy", "sparse", "brief"];

/// What a keyspace holds. Clones are cheap until one of them changes.
pub(crate) type Contents = Arc<BTreeMap<Vec<u8>, Vec<u8>>>;
/// Keyspaces by number; one that was dropped and made again has another number.
pub(crate) type Maps = BTreeMap<u64, Contents>;

/// The oracle.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) wrong: Option<Wrong>,
    pub(crate) config: Config,
    pub(crate) last_seqno: u64,
    /// That of the last sync.
    pub(crate) durable_seqno: u64,
    /// Of the keyspaces that exist.
    pub(crate) contents: Maps,
    /// What is synced for certain, and each write since.
    pub(crate) durable: Maps,
    pub(crate) pending: Vec<Vec<(u64, Write)>>,
    /// What exists under each name.
    named: [Option<u64>; SPACES],
    /// What the handle in use stands for, even if that was dropped.
    handles: [Option<u64>; SPACES],
    next_number: u64,
    pub(crate) snapshots: [Option<Maps>; SLOTS],
    pub(crate) cursors: [Option<HeldCursor>; SLOTS],
    pub(crate) scans: [Option<HeldScan>; SLOTS],
    /// What looking at each must give.
    pub(crate) values: [Option<Outcome>; SLOTS],
    pub(crate) copies: [Option<State>; SLOTS],
    pub(crate) lost_writes: u64,
    pub(crate) kept_writes: u64,
}

/// Applies a batch to the keyspaces that are there.
pub(crate) fn apply(maps: &mut Maps, writes: &[(u64, Write)]) {
    for (number, write) in writes {
        let Some(map) = maps.get_mut(number) else { continue };
        let map = Arc::make_mut(map);
        match write {
            Write::Set(_, key, value) => drop(map.insert(key.bytes(), value.bytes())),
            Write::Unset(_, key) => drop(map.remove(&key.bytes())),
        }
    }
}

impl Model {
    /// A new database.
    pub(crate) fn new(config: &Config, wrong: Option<Wrong>) -> Self {
        let default = Maps::from([(0, Contents::default())]);
        let mut named = [None; SPACES];
        named[0] = Some(0);
        Self {
            wrong,
            config: *config,
            last_seqno: 0,
            durable_seqno: 0,
            contents: default.clone(),
            durable: default,
            pending: Vec::new(),
            named,
            handles: named,
            next_number: 1,
            snapshots: Default::default(),
            cursors: Default::default(),
            scans: Default::default(),
            values: Default::default(),
            copies: Default::default(),
            lost_writes: 0,
            kept_writes: 0,
        }
    }

    pub(crate) fn handle(&self, space: u8) -> Option<u64> {
        self.handles[usize::from(space)]
    }

    /// Asks a keyspace through its handle.
    pub(crate) fn with(&self, space: u8, ask: impl FnOnce(&Contents) -> Outcome) -> Outcome {
        match self.handle(space).map(|number| self.contents.get(&number)) {
            None => Outcome::Skipped,
            Some(None) => Outcome::Failed("keyspace dropped"),
            Some(Some(map)) => ask(map),
        }
    }

    /// Asks a keyspace as a snapshot shows it.
    pub(crate) fn with_snapshot(
        &self,
        slot: u8,
        space: u8,
        ask: impl FnOnce(&Contents) -> Outcome,
    ) -> Outcome {
        let Some(snapshot) = &self.snapshots[usize::from(slot)] else { return Outcome::Skipped };
        let shown =
            if self.wrong == Some(Wrong::SnapshotsMove) { &self.contents } else { snapshot };
        let map = self.handle(space).and_then(|number| shown.get(&number)).cloned();
        self.with(space, |_| ask(&map.unwrap_or_default()))
    }

    pub(crate) fn write(&mut self, writes: &[Write], sync: bool) {
        let number = |space: u8| self.handle(space).expect("it was looked up");
        let writes = writes.iter().map(|write| match write {
            Write::Set(space, ..) | Write::Unset(space, _) => (number(*space), *write),
        });
        let is_wrong = |write: &Write| {
            self.wrong == Some(Wrong::DeletesIgnored) && matches!(write, Write::Unset(1, _))
        };
        let writes: Vec<_> = writes.filter(|(_, write)| !is_wrong(write)).collect();
        apply(&mut self.contents, &writes);
        self.pending.push(writes);
        if sync || self.config.sync_writes {
            self.synced();
        }
    }

    /// Everything so far survives loss of power.
    pub(crate) fn synced(&mut self) {
        self.pending.clear();
        self.durable = self.contents.clone();
        self.durable_seqno = self.last_seqno;
    }

    pub(crate) fn state(&self) -> State {
        self.state_of(&self.contents)
    }

    /// The keyspaces that exist, as `maps` has them.
    pub(crate) fn state_of(&self, maps: &Maps) -> State {
        let named = NAMES.iter().zip(&self.named);
        let there = named.filter_map(|(name, number)| Some((*name, (*number)?)));
        there.map(|(name, number)| (name.to_owned(), (*maps[&number]).clone())).collect()
    }

    /// Whether `found` is what `maps` has.
    pub(crate) fn is_state(&self, maps: &Maps, found: &State) -> bool {
        let named = NAMES.iter().zip(&self.named);
        let mut there = named.filter_map(|(name, number)| Some((*name, (*number)?)));
        found.len() == self.named.iter().flatten().count()
            && there.all(|(name, number)| found.get(name) == Some(&*maps[&number]))
    }

    /// A crash or close takes everything that is held but values and read-only openings.
    pub(crate) fn let_go(&mut self) {
        self.snapshots = Default::default();
        self.cursors = Default::default();
        self.scans = Default::default();
    }

    /// After an opening there is a handle for each keyspace that exists.
    pub(crate) fn find_handles(&mut self) {
        self.handles = self.named;
    }

    pub(crate) fn answer_space(&mut self, op: &Op) -> Outcome {
        match *op {
            Op::Create { space } => {
                self.create(space);
                Outcome::Done
            }
            Op::DropSpace { space } => self.drop_space(space),
            Op::Recreate { space } => {
                let dropped = self.drop_space(space);
                if dropped != Outcome::Done {
                    return dropped;
                }
                self.create(space);
                Outcome::Errors(vec!["keyspace dropped"; crate::lives::STALE_CALLS])
            }
            Op::FindSpace { space } => Outcome::Flag(self.named[usize::from(space)].is_some()),
            Op::ListSpaces => Outcome::Names(self.state().into_keys().collect()),
            _ => unreachable!("it is about keyspaces"),
        }
    }

    /// Keyspaces come and go durably.
    fn create(&mut self, space: u8) {
        let index = usize::from(space);
        let number = self.named[index].unwrap_or_else(|| {
            let number = self.next_number;
            self.next_number += 1;
            self.contents.insert(number, Contents::default());
            self.durable.insert(number, Contents::default());
            number
        });
        self.named[index] = Some(number);
        self.handles[index] = Some(number);
    }

    fn drop_space(&mut self, space: u8) -> Outcome {
        let index = usize::from(space);
        match self.named[index] {
            Some(number) if space > 0 => {
                self.named[index] = None;
                self.contents.remove(&number);
                self.durable.remove(&number);
                Outcome::Done
            }
            _ => Outcome::Failed("invalid name"),
        }
    }
}
