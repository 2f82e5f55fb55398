//! A tree at one moment: the list of its runs, newest first.
//!
//! Always: immutable; by level ascending, within a level by run number descending; runs and
//! tables have unique ids. For each key, what an earlier run says is newer than what a later one
//! says. Edits keep the first two rules whatever they contain; the last one is kept by
//! [`check`](crate::check) and by flushing in order.
//!
//! Versions share runs and tables that did not change.

use crate::run::Place;
use crate::{Error, Run, RunId, TableMeta, VersionEdit};
use siltstone_sstable::TableId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// The tables of a tree and their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    runs: Vec<Arc<Run>>,
}

impl Version {
    /// A tree without tables.
    pub const fn empty() -> Self {
        Self { runs: Vec::new() }
    }

    /// The version after `edit`: its removals first, then its additions.
    ///
    /// # Errors
    ///
    /// [`Error::Misfit`] if a removed table does not exist, an added one does, tables of a run
    /// would share keys, or a run would have two levels.
    pub fn apply(&self, edit: &VersionEdit) -> Result<Self, Error> {
        let mut moved = HashMap::new();
        let mut runs = self.without(&edit.removed, &mut moved)?;
        self.admit(edit, &moved)?;
        let mut changed: BTreeMap<Place, (RunId, Vec<Arc<TableMeta>>)> = BTreeMap::new();
        for placed in &edit.added {
            let place = Place::of(placed.level, placed.run);
            let (_, tables) = changed.entry(place).or_insert_with(|| (placed.run, Vec::new()));
            // A table that only moves stays the same object, so that its shares can be counted.
            let known = moved.get(&placed.table.id).filter(|known| ***known == placed.table);
            tables.push(known.map_or_else(|| Arc::new(placed.table.clone()), Arc::clone));
        }
        for (place, (id, mut tables)) in changed {
            if let Some(at) = runs.iter().position(|run| run.id() == id) {
                let old = runs.remove(at);
                if old.level() != place.level {
                    return Err(Error::misfit(tables[0].id, "its run lies on another level"));
                }
                tables.extend(old.tables().iter().cloned());
            }
            runs.push(Arc::new(Run::new(id, place.level, tables)?));
        }
        runs.sort_by_key(|run| run.place());
        Ok(Self { runs })
    }

    /// The runs, newest first.
    pub fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    /// The tables, run by run, by rising keys within each.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableMeta>> {
        self.runs.iter().flat_map(|run| run.tables())
    }

    /// How many tables it has.
    pub fn table_count(&self) -> usize {
        self.runs.iter().map(|run| run.tables().len()).sum()
    }

    /// Size of all files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes()).sum()
    }

    /// Size of the files of one level, in bytes.
    pub fn level_bytes(&self, level: u8) -> u64 {
        self.runs.iter().filter(|run| run.level() == level).map(|run| run.bytes()).sum()
    }

    /// The table and its run; looks at every table.
    pub fn find(&self, table: TableId) -> Option<(&Arc<Run>, &Arc<TableMeta>)> {
        let find = |run: &'_ Arc<Run>| run.tables().iter().position(|other| other.id == table);
        self.runs.iter().find_map(|run| Some((run, run.tables().get(find(run)?)?)))
    }

    /// A picture for people: one line a run, newest first, with the numbers and keys of its
    /// tables.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for run in &self.runs {
            let (count, bytes) = (run.tables().len(), run.bytes());
            _ = write!(text, "L{} {} {count} tables {bytes} bytes:", run.level(), run.id());
            for table in run.tables() {
                let (first, last) = (short(&table.span.first), short(&table.span.last));
                _ = write!(text, " {}[{first}-{last}]", table.id.number);
            }
            text.push('\n');
        }
        text
    }

    /// The runs without the `removed` tables, which go to `taken`.
    fn without(
        &self,
        removed: &[TableId],
        taken: &mut HashMap<TableId, Arc<TableMeta>>,
    ) -> Result<Vec<Arc<Run>>, Error> {
        let mut wanted = HashSet::with_capacity(removed.len());
        for &table in removed {
            if !wanted.insert(table) {
                return Err(Error::misfit(table, "it is removed twice"));
            }
        }
        let mut runs = Vec::with_capacity(self.runs.len() + 1);
        for run in &self.runs {
            let goes = |table: &&Arc<TableMeta>| wanted.contains(&table.id);
            let gone = run.tables().iter().filter(goes).map(|table| (table.id, Arc::clone(table)));
            let before = taken.len();
            taken.extend(gone);
            if taken.len() == before {
                runs.push(Arc::clone(run));
                continue;
            }
            let stays = run.tables().iter().filter(|table| !wanted.contains(&table.id));
            let left: Vec<_> = stays.cloned().collect();
            if !left.is_empty() {
                runs.push(Arc::new(Run::new(run.id(), run.level(), left)?));
            }
        }
        let missing = removed.iter().find(|table| !taken.contains_key(table));
        match missing {
            Some(&table) => Err(Error::misfit(table, "it is removed but not there")),
            None => Ok(runs),
        }
    }

    /// Refuses additions of tables that are there or added twice.
    fn admit(
        &self,
        edit: &VersionEdit,
        removed: &HashMap<TableId, Arc<TableMeta>>,
    ) -> Result<(), Error> {
        let mut added = HashSet::with_capacity(edit.added.len());
        for placed in &edit.added {
            if !added.insert(placed.table.id) {
                return Err(Error::misfit(placed.table.id, "it is added twice"));
            }
        }
        let there =
            |table: &&Arc<TableMeta>| added.contains(&table.id) && !removed.contains_key(&table.id);
        match self.tables().find(there) {
            Some(table) => Err(Error::misfit(table.id, "it is added but already there")),
            None => Ok(()),
        }
    }
}

/// A key for people: escaped, its middle left out if it is long.
fn short(key: &[u8]) -> String {
    const SHOWN_BYTES: usize = 24;
    match key.get(..SHOWN_BYTES) {
        Some(begin) if key.len() > SHOWN_BYTES => format!("{}..", begin.escape_ascii()),
        _ => key.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests;
