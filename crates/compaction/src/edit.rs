//! The difference between two versions, as the manifest keeps it.
//! ```text
//! edit  = field*
//! field = 1 | 16 | table id                                    remove
//!       | 2 | length | level: u8 | run: varint | table meta    add
//! ```
//! Always: removals come before additions, so a table in both has moved. Applying an edit checks
//! it against the version; decoding checks the bytes alone.
//! Layout: docs/formats.md §7.

use crate::fields::{Field, put_field};
use crate::{RunId, TableMeta, Version};
use siltstone_base::{DecodeError, Reader, varint};
use siltstone_sstable::TableId;
use std::collections::HashSet;

/// What changes from one version to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionEdit {
    /// Tables that leave their runs.
    pub removed: Vec<TableId>,
    /// Tables that join a run, which begins to exist with its first one.
    pub added: Vec<Placed>,
}

/// A table and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Level of the run.
    pub level: u8,
    /// The run.
    pub run: RunId,
    /// The table.
    pub table: TableMeta,
}

impl VersionEdit {
    /// The edit that makes `version` out of nothing.
    pub fn of_version(version: &Version) -> Self {
        let placed = |run: &crate::Run, table: &TableMeta| Placed {
            level: run.level(),
            run: run.id(),
            table: table.clone(),
        };
        let tables = version
            .runs()
            .iter()
            .flat_map(|run| run.tables().iter().map(move |table| placed(run, table)));
        Self { removed: Vec::new(), added: tables.collect() }
    }

    /// The edit of a job that is done: `outputs`, in the run the job was for, replace `inputs`.
    pub fn of_job(job: &crate::JobMeta, outputs: Vec<TableMeta>) -> Self {
        let placed = |table| Placed { level: job.level, run: job.run, table };
        Self { removed: job.inputs.clone(), added: outputs.into_iter().map(placed).collect() }
    }

    /// The edit of a job that reads nothing: its inputs, as `version` has them, change place.
    pub fn of_move(job: &crate::JobMeta, version: &Version) -> Self {
        let moved: HashSet<_> = job.inputs.iter().collect();
        let tables = version.tables().filter(|table| moved.contains(&table.id));
        Self::of_job(job, tables.map(|table| TableMeta::clone(table)).collect())
    }

    /// The tables that are in no run any more: removed and not added again.
    pub fn dropped(&self) -> impl Iterator<Item = TableId> + '_ {
        let added: HashSet<_> = self.added.iter().map(|placed| placed.table.id).collect();
        self.removed.iter().copied().filter(move |table| !added.contains(table))
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }

    /// Appends the encoded edit.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        for table in &self.removed {
            put_field(bytes, REMOVE, &table.as_u128().to_le_bytes());
        }
        let mut field = Vec::new();
        for placed in &self.added {
            field.clear();
            field.push(placed.level);
            varint::put(&mut field, placed.run.0);
            placed.table.encode(&mut field);
            put_field(bytes, ADD, &field);
        }
    }

    /// The edit that all of `bytes` encode.
    ///
    /// # Errors
    ///
    /// Corruption if they are no edit, [`DecodeError::Unsupported`] for an unknown field below
    /// 64; offsets count from the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut edit = Self::default();
        let mut reader = Reader::new(bytes, "version edit");
        while let Some(field) = Field::take(&mut reader, "version edit")? {
            match field.tag {
                REMOVE => edit.removed.push(TableId::from_u128(field.whole(Reader::u128)?)),
                ADD => edit.added.push(field.whole(placed)?),
                _ => field.skip_unknown()?,
            }
        }
        Ok(edit)
    }
}

const REMOVE: u64 = 1;
const ADD: u64 = 2;

fn placed(reader: &mut Reader<'_>) -> Result<Placed, DecodeError> {
    let level = reader.u8()?;
    let run = RunId(reader.varint()?);
    let begin = reader.offset() as u64;
    let table = reader.bytes(reader.rest().len())?;
    let table = TableMeta::decode(table).map_err(|error| error.shifted(begin))?;
    Ok(Placed { level, run, table })
}

#[cfg(test)]
mod tests;
