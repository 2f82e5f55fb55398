//! Takes in the tables: sound ones as they are, damaged ones as a copy of what is sound in them.

use super::output::{Output, Owner};
use super::report::{Loss, Record};
use super::survey::{KnownTable, Survey};
use crate::files::FileName;
use crate::tables::table_error;
use crate::{Error, Options};
use siltstone_base::Entry;
use siltstone_sstable::{
    BlockCache, LostBytes, Properties, ReadMode, Salvaged, Salvager, Table, TableSource,
    TableWriter,
};
use siltstone_vfs::ReadFile;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Verifies every table and hands it, or what is left of it, to `output`.
pub(super) fn gather(
    options: &Options,
    dir: &Path,
    survey: &Survey,
    output: &mut Output<'_>,
    record: &mut Record<'_>,
) -> Result<(), Error> {
    for known in &survey.tables {
        let path = FileName::Table(known.id).path(dir);
        let mut walk = Walk { dir, path, known, survey, output, record };
        match options.vfs.open_read(&walk.path) {
            Ok(file) => walk.table(&file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => walk.missing(),
            Err(error) => return Err(Error::io(&walk.path, "opening", error)),
        }
    }
    Ok(())
}

/// One table on its way in.
struct Walk<'a, 'o, 'p> {
    dir: &'a Path,
    path: PathBuf,
    known: &'a KnownTable,
    survey: &'a Survey,
    output: &'a mut Output<'o>,
    record: &'a mut Record<'p>,
}

impl Walk<'_, '_, '_> {
    fn table(&mut self, file: &Arc<dyn ReadFile>) -> Result<(), Error> {
        self.record.file(self.known.bytes);
        let before = self.known.bytes;
        let mut read = 0;
        let record = &mut *self.record;
        let verified = open(file, self.known, self.output.blocks()).and_then(|table| {
            let report = table.verify(&mut |bytes| {
                read += bytes;
                record.advance(bytes);
            })?;
            Ok((table, report.entries))
        });
        self.record.advance(before.saturating_sub(read));
        match verified {
            Ok((table, entries)) => {
                self.record.report.saved_entries += entries;
                let owner = self.owner(Some(table.properties()));
                if self.counts(owner) {
                    self.output.take(owner, table);
                }
                Ok(())
            }
            Err(error) => {
                let error = table_error(self.dir, error);
                self.record.found(&self.path, &error);
                self.salvage(file, &error)
            }
        }
    }

    fn missing(&mut self) {
        let why = "it is missing, though the manifest names it";
        self.record.found(&self.path, &Error::corrupt(&self.path, "table", 0, why));
        let Some(meta) = &self.known.meta else { return };
        self.lose(Loss {
            entries: Some(meta.entries),
            keys: Some((meta.span.first.clone(), meta.span.last.clone())),
            ..Loss::of(&self.path, 0, meta.file_bytes, why)
        });
    }

    /// Copies what is sound.
    fn salvage(&mut self, file: &Arc<dyn ReadFile>, damage: &Error) -> Result<(), Error> {
        let io = |path: &Path, error| Error::io(path, "reading", error);
        let salvager = Salvager::new(Arc::clone(file), self.known.id);
        let salvager = salvager.map_err(|error| io(&self.path, error))?;
        let expected = Expected::of(self.known, salvager.properties());
        let owner = self.owner(salvager.properties());
        let mut copy = Copy { writer: self.output.begin_table()?, gaps: Vec::new(), disorder: 0 };
        let walked = salvager.run(|found| copy.take(found));
        walked.map_err(|error| match error {
            CopyError::Read(error) => io(&self.path, error),
            CopyError::Write(error) => self.output.table_error(error),
        })?;
        let saved = copy.writer.entries();
        self.record.report.saved_entries += saved;
        let gaps = std::mem::take(&mut copy.gaps);
        self.output.take_begun(owner, copy.writer, self.counts(owner))?;
        let missing = expected.entries.map(|entries| entries.saturating_sub(saved));
        if missing == Some(0) && copy.disorder == 0 {
            return Ok(());
        }
        if gaps.is_empty() {
            let loss = Loss::of(&self.path, 0, 0, damage.to_string());
            self.lose(Loss { entries: missing, ..loss });
        }
        let alone = gaps.len() == 1;
        for gap in gaps {
            let (first, last) = (gap.after.or(expected.first.clone()), gap.before);
            let keys = first.zip(last.or(expected.last.clone()));
            let entries = missing.filter(|_| alone);
            let loss = Loss::of(&self.path, gap.lost.offset, gap.lost.bytes, gap.lost.why);
            self.lose(Loss { entries, keys, ..loss });
        }
        Ok(())
    }

    fn owner(&self, properties: Option<&Properties>) -> Owner {
        self.known.keyspace.map_or_else(
            || {
                let says = properties.and_then(|properties| properties.origin.owner);
                let id = says.and_then(|owner| u32::try_from(owner).ok());
                id.map_or(Owner::Unknown, |id| Owner::Keyspace(siltstone_wal::KeyspaceId(id)))
            },
            Owner::Keyspace,
        )
    }

    fn counts(&self, owner: Owner) -> bool {
        match owner {
            Owner::Keyspace(id) => self.survey.has(id),
            Owner::Unknown => true,
        }
    }

    fn lose(&mut self, loss: Loss) {
        let keyspace = self.known.keyspace;
        if let Some(id) = keyspace {
            self.output.note_lost_tables(id);
        }
        let keyspace = keyspace.and_then(|id| self.survey.name_of(id));
        self.record.lost(Loss { keyspace, ..loss });
    }
}

/// The table with the length and digest on record, or with those that it has.
fn open(
    file: &Arc<dyn ReadFile>,
    known: &KnownTable,
    blocks: &Arc<BlockCache>,
) -> Result<Arc<Table>, siltstone_sstable::Error> {
    let file = Arc::clone(file);
    let source = match &known.meta {
        Some(meta) => TableSource {
            file,
            id: meta.id,
            file_bytes: meta.file_bytes,
            digest: meta.digest,
            handle: 0,
            mode: ReadMode::Pread,
        },
        None => TableSource::as_it_says(file, known.id)?,
    };
    // Everything is read past the cache, so the handle needs not be of its own.
    Table::open(source, Arc::clone(blocks))
}

/// What should be in a table.
struct Expected {
    entries: Option<u64>,
    first: Option<Vec<u8>>,
    last: Option<Vec<u8>>,
}

impl Expected {
    fn of(known: &KnownTable, properties: Option<&Properties>) -> Self {
        let meta = known.meta.as_ref();
        let meta = meta.map(|meta| (meta.entries, &meta.span.first, &meta.span.last));
        let said = properties.map(|says| (says.entries, &says.first_key, &says.last_key));
        match meta.or(said) {
            Some((entries, first, last)) => Self {
                entries: Some(entries),
                first: Some(first.clone()),
                last: Some(last.clone()),
            },
            None => Self { entries: None, first: None, last: None },
        }
    }
}

/// The copy of what is sound in a damaged table.
struct Copy {
    writer: TableWriter,
    gaps: Vec<Gap>,
    /// Entries that came out of order.
    disorder: u64,
}

/// A place without a sound block, and the nearest keys beside it.
struct Gap {
    lost: LostBytes,
    after: Option<Vec<u8>>,
    before: Option<Vec<u8>>,
}

enum CopyError {
    Read(io::Error),
    Write(siltstone_sstable::Error),
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Copy {
    fn take(&mut self, found: Salvaged<'_>) -> Result<(), CopyError> {
        match found {
            Salvaged::Entry(entry) => self.entry(entry),
            Salvaged::Lost(lost) => {
                let after = self.writer.last_key().map(<[u8]>::to_vec);
                self.gaps.push(Gap { lost, after, before: None });
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: Entry<'_>) -> Result<(), CopyError> {
        for gap in self.gaps.iter_mut().rev().take_while(|gap| gap.before.is_none()) {
            gap.before = Some(entry.key.to_vec());
        }
        match self.writer.add(entry) {
            Err(
                siltstone_sstable::Error::OutOfOrder { .. }
                | siltstone_sstable::Error::TooLarge { .. },
            ) => {
                self.disorder += 1;
                Ok(())
            }
            other => other.map_err(CopyError::Write),
        }
    }
}
