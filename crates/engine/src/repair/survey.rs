//! Which files there are and what they are for.
//!
//! With a sound manifest these are the files it names. Without one they are all tables and logs
//! of the directory; what its records still say (names, which table is whose, which was replaced,
//! where a log was cut) is taken from them one by one.

use super::report::{Loss, Record};
use crate::current::Current;
use crate::files::FileName;
use crate::manifest::{Field, ManifestState, decode, log_error};
use crate::open::{Listing, Recovered, Replay, recover as load};
use crate::trees::{DEFAULT_ID, DEFAULT_NAME};
use crate::{Error, Options};
use siltstone_base::Seqno;
use siltstone_compaction::TableMeta;
use siltstone_sstable::TableId;
use siltstone_vfs::Vfs;
use siltstone_wal::{KeyspaceId, LogIdentity, LogKind, Salvaged, SegmentId, identify, salvage};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What lies in the directory.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Whether the manifest is sound: then nothing that it does not name counts.
    pub(super) is_listed: bool,
    /// Whether the log is: then nothing of it is lost.
    pub(super) log_is_sound: bool,
    pub(super) database: u128,
    pub(super) keyspaces: BTreeMap<KeyspaceId, Known>,
    /// Keyspaces that were dropped, where it is not said which exist.
    dropped: BTreeSet<KeyspaceId>,
    pub(super) tables: Vec<KnownTable>,
    pub(super) segments: Vec<KnownSegment>,
    pub(super) last_seqno: Seqno,
}

/// What is known of a keyspace.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) policy: Option<String>,
    /// Every write up to it was in tables.
    pub(super) installed: Seqno,
}

/// A table that counts.
#[derive(Debug)]
pub(super) struct KnownTable {
    pub(super) id: TableId,
    /// Whose it is; `None` if only the table itself can tell.
    pub(super) keyspace: Option<KeyspaceId>,
    pub(super) meta: Option<Arc<TableMeta>>,
    pub(super) bytes: u64,
}

/// A segment of the log that counts.
#[derive(Debug)]
pub(super) struct KnownSegment {
    pub(super) id: SegmentId,
    pub(super) cut: Option<u64>,
    pub(super) bytes: u64,
}

impl Survey {
    /// Looks at everything but the content of tables and logs.
    pub(super) fn of(
        options: &Options,
        dir: &Path,
        record: &mut Record<'_>,
    ) -> Result<Self, Error> {
        let files = Files::list(&*options.vfs, dir)?;
        let mut survey = match recover(options, dir, &files, record)? {
            Some(recovered) => Self::listed(options, dir, &recovered, &files, record)?,
            None => Self::unlisted(options, dir, &files, record)?,
        };
        let default = Known { name: DEFAULT_NAME.to_owned(), policy: None, installed: 0 };
        survey.keyspaces.entry(DEFAULT_ID).or_insert(default);
        Ok(survey)
    }

    /// The manifest is sound.
    fn listed(
        options: &Options,
        dir: &Path,
        recovered: &Recovered,
        files: &Files,
        record: &mut Record<'_>,
    ) -> Result<Self, Error> {
        let state = &recovered.state;
        let mut survey = Self {
            is_listed: true,
            database: recovered.current.database,
            last_seqno: state.last_seqno,
            ..Self::default()
        };
        for (&id, keyspace) in &state.keyspaces {
            survey.keyspaces.insert(
                id,
                Known {
                    name: keyspace.name.clone(),
                    policy: Some(keyspace.policy.clone()),
                    installed: keyspace.installed,
                },
            );
            survey.tables.extend(keyspace.version.tables().map(|table| KnownTable {
                id: table.id,
                keyspace: Some(id),
                meta: Some(Arc::clone(table)),
                bytes: table.file_bytes,
            }));
        }
        let mut cuts = state.segments.clone();
        match Replay::check(options, dir, recovered) {
            Ok(replay) => {
                survey.log_is_sound = true;
                cuts.retain(|id, _| !replay.dropped.contains(id));
                cuts.extend(replay.cut.map(|(id, end)| (id, Some(end))));
            }
            Err(error) if is_damage(&error) => record.found(dir, &error),
            Err(error) => return Err(error),
        }
        let segment =
            |(id, cut)| KnownSegment { id, cut, bytes: files.listing.log_bytes(id).unwrap_or(0) };
        survey.segments = cuts.into_iter().map(segment).collect();
        Ok(survey)
    }

    /// The manifest is lost, or tells only a part.
    fn unlisted(
        options: &Options,
        dir: &Path,
        files: &Files,
        record: &mut Record<'_>,
    ) -> Result<Self, Error> {
        let mut told = Told::default();
        let mut survey = Self { database: files.database, ..Self::default() };
        for number in files.manifests() {
            told.read(options, dir, files.database, number, record)?;
        }
        survey.keyspaces = told.keyspaces;
        survey.dropped = told.dropped;
        survey.last_seqno = told.last_seqno;
        let counts = |id: &TableId| !told.replaced.contains(id);
        for (file, bytes) in files.listing.files() {
            match file {
                FileName::Table(id) if counts(&id) => {
                    let keyspace = told.owners.get(&id).copied();
                    survey.tables.push(KnownTable { id, keyspace, meta: None, bytes });
                }
                FileName::Log(id) => {
                    let cut = told.cuts.get(&id).copied();
                    survey.segments.push(KnownSegment { id, cut, bytes });
                }
                _ => {}
            }
        }
        Ok(survey)
    }

    /// Bytes of tables and logs.
    pub(super) fn bytes(&self) -> u64 {
        let tables = self.tables.iter().map(|table| table.bytes);
        tables.chain(self.segments.iter().map(|segment| segment.bytes)).sum()
    }

    /// Whether ops of the keyspace count.
    pub(super) fn has(&self, keyspace: KeyspaceId) -> bool {
        if self.is_listed {
            self.keyspaces.contains_key(&keyspace)
        } else {
            !self.dropped.contains(&keyspace)
        }
    }

    pub(super) fn name_of(&self, keyspace: KeyspaceId) -> Option<String> {
        self.keyspaces.get(&keyspace).map(|known| known.name.clone())
    }
}

/// Whether bytes are wrong, which is what a repair is for.
pub(super) const fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. } | Error::Unsupported { .. })
}

/// The files of the directory, and the id that most likely is the database's.
#[derive(Debug)]
struct Files {
    listing: Listing,
    database: u128,
}

impl Files {
    fn list(vfs: &dyn Vfs, dir: &Path) -> Result<Self, Error> {
        let mut files = Self { listing: Listing::of(vfs, dir)?, database: 0 };
        files.database = files.likely_database(vfs, dir)?;
        Ok(files)
    }

    /// The id in CURRENT, or else in the newest manifest or log with a sound header; 0 if none
    /// has one.
    fn likely_database(&self, vfs: &dyn Vfs, dir: &Path) -> Result<u128, Error> {
        match Current::load(vfs, dir) {
            Ok(Some(current)) => return Ok(current.database),
            Err(error) if !is_damage(&error) => return Err(error),
            _ => {}
        }
        let is_manifest = |file: &FileName| matches!(file, FileName::Manifest(_));
        let is_log = |file: &FileName| matches!(file, FileName::Log(_));
        let newest_first = || self.listing.files().rev().map(|(file, _)| file);
        for file in newest_first().filter(is_manifest).chain(newest_first().filter(is_log)) {
            if let Some(identity) = identity_of(vfs, dir, file)? {
                return Ok(identity.database);
            }
        }
        Ok(0)
    }

    /// Numbers of the manifests, the oldest first.
    fn manifests(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.listing.files().filter_map(|(file, _)| match file {
            FileName::Manifest(number) => Some(number),
            _ => None,
        })
    }
}

/// What the header of a manifest or log says, if it is sound and has the file's number.
fn identity_of(vfs: &dyn Vfs, dir: &Path, file: FileName) -> Result<Option<LogIdentity>, Error> {
    let (kind, number) = match file {
        FileName::Manifest(number) => (LogKind::Manifest, number),
        FileName::Log(SegmentId(number)) => (LogKind::Log, number),
        _ => return Ok(None),
    };
    let path = file.path(dir);
    let opened = vfs.open_read(&path).map_err(|error| Error::io(&path, "opening", error))?;
    let identity = identify(&*opened, kind).map_err(|error| Error::io(&path, "reading", error))?;
    Ok(identity.filter(|identity| identity.segment.0 == number))
}

/// The manifest, if CURRENT or the newest header leads to one that is sound.
fn recover(
    options: &Options,
    dir: &Path,
    files: &Files,
    record: &mut Record<'_>,
) -> Result<Option<Recovered>, Error> {
    let vfs = &*options.vfs;
    let path = FileName::Current.path(dir);
    let missing = || Error::corrupt(&path, "CURRENT", 0, "it is missing");
    let current = match Current::load(vfs, dir).and_then(|current| current.ok_or_else(missing)) {
        Ok(current) => Some(current),
        Err(error) if is_damage(&error) => {
            record.found(&path, &error);
            newest_manifest(vfs, dir, files)?
        }
        Err(error) => return Err(error),
    };
    let Some(current) = current else {
        // Nothing at all vouches for a database: where all is of a newer version, say that.
        record.lost(Loss::of(&path, 0, 0, NO_LIST));
        return Ok(None);
    };
    match load(options, dir, current, &files.listing) {
        Ok(recovered) => Ok(Some(recovered)),
        Err(error) if is_damage(&error) => {
            let path = FileName::Manifest(current.manifest).path(dir);
            record.found(&path, &error);
            record.lost(Loss::of(&path, 0, 0, NO_LIST));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

const NO_LIST: &str = "the list of files is damaged: tables and logs were taken as they lie there, \
    replaced ones perhaps among them, and names of keyspaces may be lost";

fn newest_manifest(vfs: &dyn Vfs, dir: &Path, files: &Files) -> Result<Option<Current>, Error> {
    for manifest in files.manifests().rev() {
        if let Some(identity) = identity_of(vfs, dir, FileName::Manifest(manifest))? {
            return Ok(Some(Current { database: identity.database, manifest }));
        }
    }
    Ok(None)
}

/// What the records of damaged manifests still tell.
#[derive(Debug, Default)]
struct Told {
    keyspaces: BTreeMap<KeyspaceId, Known>,
    dropped: BTreeSet<KeyspaceId>,
    owners: BTreeMap<TableId, KeyspaceId>,
    replaced: BTreeSet<TableId>,
    cuts: BTreeMap<SegmentId, u64>,
    last_seqno: Seqno,
}

impl Told {
    fn read(
        &mut self,
        options: &Options,
        dir: &Path,
        database: u128,
        number: u64,
        record: &mut Record<'_>,
    ) -> Result<(), Error> {
        let path: PathBuf = FileName::Manifest(number).path(dir);
        let file = options.vfs.open_read(&path);
        let file = file.map_err(|error| Error::io(&path, "opening", error))?;
        let identity =
            LogIdentity { kind: LogKind::Manifest, database, segment: SegmentId(number) };
        record.report.files += 1;
        let done = salvage(&*file, identity, None, |found| {
            if let Salvaged::Record { payload, .. } = found
                && let Ok(fields) = decode(payload)
            {
                self.apply(&fields);
            }
            Ok::<(), siltstone_wal::Error>(())
        });
        match done.map_err(|error| log_error(&path, error)) {
            Err(error) if !is_damage(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn apply(&mut self, fields: &[Field]) {
        if fields.contains(&Field::Begin) {
            self.settle_seqnos(fields);
        }
        for field in fields {
            match field {
                Field::Keyspace { id, policy, name } => {
                    let (name, policy) = (name.clone(), Some(policy.clone()));
                    self.keyspaces.insert(*id, Known { name, policy, installed: 0 });
                }
                Field::Dropped(id) => {
                    self.keyspaces.remove(id);
                    self.dropped.insert(*id);
                }
                Field::Version { keyspace, edit } => {
                    self.replaced.extend(edit.removed.iter().copied());
                    for placed in &edit.added {
                        self.replaced.remove(&placed.table.id);
                        self.owners.insert(placed.table.id, *keyspace);
                    }
                }
                Field::Cut { segment, end } => drop(self.cuts.insert(*segment, *end)),
                _ => {}
            }
        }
    }

    /// A record with the whole state is sound by itself.
    fn settle_seqnos(&mut self, fields: &[Field]) {
        let mut state = ManifestState::default();
        if state.apply(fields).is_ok() {
            self.last_seqno = self.last_seqno.max(state.last_seqno);
        }
    }
}
