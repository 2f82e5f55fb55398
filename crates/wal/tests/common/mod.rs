//! A log drawn as text, what is done to it, and what a replay then finds.
//!
//! `a b ! | c` is: append record `a`, append `b`, sync, begin another segment, append `c`. The
//! record of a letter is that letter twenty times. Places have names: `a` is the record of `a`,
//! `!1` the beacon of the first sync, `H2`, `|2` and `E2` header, link and end of segment 2.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(dead_code, reason = "no test file uses all of it")]

use siltstone_vfs::{MemVfs, Vfs};
use siltstone_wal::{
    Birth, Error, LogEnd, LogIdentity, LogKind, LogWriter, ReplayContext, ReplayError, Replayed,
    Sealed, SegmentFile, SegmentId, replay,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) const DATABASE: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
/// Where the first record of a segment begins.
pub(crate) const RECORDS_OFFSET: u64 = 1536;
const INITIAL_BYTES: u64 = 2048;

/// Bytes of some segment: which one, offset, length.
pub(crate) type Place = (u64, u64, u64);

/// A log in a file system of its own. What the manifest of a database would hold is in `named`.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) vfs: MemVfs,
    /// Segments and their cuts, oldest first.
    pub(crate) named: BTreeMap<SegmentId, Option<u64>>,
    pub(crate) places: BTreeMap<String, Place>,
    /// What somebody else knows of how far it is durable.
    pub(crate) durable: Option<(SegmentId, u64)>,
    /// What headers say of the machine's start.
    boot_id: u128,
    writer: Option<LogWriter>,
    syncs: u32,
}

impl Log {
    /// A log with one segment and no records.
    pub(crate) fn new() -> Self {
        Self::new_in(1)
    }

    /// The same, written in the boot with this id.
    pub(crate) fn new_in(boot_id: u128) -> Self {
        let vfs = MemVfs::new();
        vfs.create_dir_all(dir()).unwrap();
        let (named, places) = (BTreeMap::new(), BTreeMap::new());
        let mut log = Self { vfs, named, places, durable: None, boot_id, writer: None, syncs: 0 };
        log.begin(1, None).unwrap();
        log
    }

    /// The log of a drawing.
    pub(crate) fn drawn(script: &str) -> Self {
        Self::drawn_in(1, script)
    }

    /// The same, written in the boot with this id.
    pub(crate) fn drawn_in(boot_id: u128, script: &str) -> Self {
        let mut log = Self::new_in(boot_id);
        for step in script.split_whitespace() {
            match step {
                "!" => log.sync().unwrap(),
                "|" => log.rotate().unwrap(),
                name => log.append(name, &record(name)).unwrap(),
            }
        }
        log
    }

    /// Appends a record and remembers where it is.
    pub(crate) fn append(&mut self, name: &str, payload: &[u8]) -> Result<(), Error> {
        let before = self.writer().end();
        let offset = self.writer().append(&[payload])?;
        let (segment, end) = (self.writer().segment().0, self.writer().end());
        self.note_link(before, offset);
        self.places.insert(name.to_owned(), (segment, offset, end - offset));
        Ok(())
    }

    /// Syncs, and remembers where the beacon is.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let before = self.writer().end();
        self.writer().sync()?;
        let (segment, end) = (self.writer().segment().0, self.writer().end());
        if end > before {
            self.syncs += 1;
            self.note_link(before, end - 24);
            self.places.insert(format!("!{}", self.syncs), (segment, end - 24, 24));
        }
        Ok(())
    }

    /// Begins another segment, as an engine does: header durable, name durable, named, used.
    pub(crate) fn rotate(&mut self) -> Result<(), Error> {
        let number = self.writer().segment().0 + 1;
        let sealed = self.writer.take().unwrap().seal();
        self.begin(number, Some(sealed))
    }

    /// Begins segment `number` behind `before`.
    pub(crate) fn begin(&mut self, number: u64, before: Option<Sealed>) -> Result<(), Error> {
        let segment = SegmentId(number);
        let io = |source| Error::Io { segment, offset: 0, source };
        if self.vfs.metadata(&path(segment)).is_ok() {
            // Made just before a crash, and never named.
            self.vfs.unlink(&path(segment)).map_err(io)?;
        }
        let window = self.vfs.create_window(&path(segment)).map_err(io)?;
        let birth = birth(segment, self.boot_id);
        let writer = LogWriter::create(window, birth, before, INITIAL_BYTES)?;
        self.vfs.sync_dir(dir()).map_err(io)?;
        self.named.insert(segment, None);
        self.places.insert(format!("H{number}"), (number, 0, 128));
        self.writer = Some(writer);
        Ok(())
    }

    pub(crate) fn writer(&mut self) -> &mut LogWriter {
        self.writer.as_mut().unwrap()
    }

    /// The log as it lies in `vfs` after a crash: nobody has it open.
    pub(crate) fn found_in(&self, vfs: MemVfs) -> Self {
        let (named, places, boot_id) = (self.named.clone(), self.places.clone(), vfs.boot_id());
        Self { vfs, named, places, durable: self.durable, boot_id, writer: None, syncs: 0 }
    }

    /// Goes on after a replay, as an engine does: what survived is synced, the cut is noted,
    /// what was dropped is forgotten, and a new segment begins.
    pub(crate) fn recover(&mut self, replayed: Replayed) -> Result<(), Error> {
        for segment in &replayed.segments {
            self.vfs.sync_file(&path(segment.id)).unwrap();
        }
        let dropped = &replayed.dropped_segments;
        let number = self.named.keys().next_back().unwrap().0 + 1;
        if let LogEnd::Torn { segment, offset, .. } = replayed.end {
            self.named.insert(segment, Some(offset));
        }
        self.named.retain(|segment, _| !dropped.contains(segment));
        self.begin(number, replayed.last.map(Sealed::made_durable))
    }

    /// Replays with the boot id of the machine as it is.
    pub(crate) fn replay(&self) -> Result<(Vec<Vec<u8>>, Replayed), Error> {
        self.replay_in(self.vfs.boot_id())
    }

    /// Replays as if the machine had this boot id.
    pub(crate) fn replay_in(&self, boot_id: u128) -> Result<(Vec<Vec<u8>>, Replayed), Error> {
        let context = ReplayContext {
            kind: LogKind::Log,
            database: DATABASE,
            boot_id,
            durable: self.durable,
        };
        let mut payloads = Vec::new();
        let replayed = replay(&self.files(), &context, |record| {
            payloads.push(record.payload.to_vec());
            Ok::<(), ()>(())
        });
        match replayed {
            Ok(replayed) => Ok((payloads, replayed)),
            Err(ReplayError::Log(error)) => Err(error),
            Err(ReplayError::Apply(())) => panic!("no record was refused"),
        }
    }

    pub(crate) fn files(&self) -> Vec<SegmentFile> {
        let open = |(&id, &cut): (&SegmentId, &Option<u64>)| SegmentFile {
            id,
            file: self.vfs.open_read(&path(id)).unwrap(),
            cut,
        };
        self.named.iter().map(open).collect()
    }

    /// Does one damage after the other: `b~` flips a bit in `b`, `b0` makes it zeros, `b<` ends
    /// its file within it, `b^` cuts the log before it, `-2` forgets that there is segment 2.
    pub(crate) fn damage(&mut self, damage: &str) {
        for step in damage.split_whitespace() {
            if let Some(segment) = step.strip_prefix('-') {
                self.named.remove(&SegmentId(segment.parse().unwrap()));
                continue;
            }
            let (name, how) = step.split_at(step.len() - 1);
            let (segment, offset, bytes) = self.places[name];
            let segment = SegmentId(segment);
            match how {
                "~" => self.change(segment, |file| file[index(offset + bytes / 2)] ^= 0x10),
                "0" => self.change(segment, |file| {
                    file[index(offset)..index(offset + bytes)].fill(0);
                }),
                "<" => self.change(segment, |file| file.truncate(index(offset + bytes / 2))),
                "^" => drop(self.named.insert(segment, Some(offset))),
                _ => panic!("no such damage: {step}"),
            }
        }
    }

    pub(crate) fn change(&self, segment: SegmentId, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.vfs.read(path(segment)).unwrap();
        change(&mut bytes);
        self.vfs.write(path(segment), &bytes).unwrap();
    }

    /// The name of a place; `H2` for all in a header, `E2` where nothing was written.
    pub(crate) fn name_of(&self, segment: SegmentId, offset: u64) -> String {
        if offset < RECORDS_OFFSET {
            return format!("H{}", segment.0);
        }
        let here = |place: &Place| (place.0, place.1) == (segment.0, offset);
        let name = self.places.iter().find(|(_, place)| here(place));
        name.map_or_else(|| format!("E{}", segment.0), |(name, _)| name.clone())
    }

    /// What a replay finds, as text: `ab`, `ab torn c`, `corrupt c`.
    pub(crate) fn outcome(&self, boot_id: u128) -> String {
        match self.replay_in(boot_id) {
            Ok((payloads, replayed)) => {
                let names: String = payloads.iter().map(|payload| payload[0] as char).collect();
                assert_eq!(replayed.records, payloads.len() as u64);
                match replayed.end {
                    LogEnd::Clean => names,
                    LogEnd::Torn { segment, offset, .. } => {
                        format!("{names} torn {}", self.name_of(segment, offset))
                    }
                    _ => panic!("an end without a name"),
                }
            }
            Err(Error::Corrupt { segment, corruption }) => {
                format!("corrupt {}", self.name_of(segment, corruption.offset))
            }
            Err(error) => format!("{error}"),
        }
    }

    /// The link is written with the first record, before it.
    fn note_link(&mut self, before: u64, offset: u64) {
        if offset > before {
            let segment = self.writer().segment().0;
            self.places.insert(format!("|{segment}"), (segment, before, offset - before));
        }
    }
}

pub(crate) fn birth(segment: SegmentId, boot_id: u128) -> Birth {
    let identity = LogIdentity { kind: LogKind::Log, database: DATABASE, segment };
    Birth { identity, boot_id, witness_number: 7, witness_records: segment.0 * 10 }
}

pub(crate) fn record(name: &str) -> Vec<u8> {
    name.repeat(20).into_bytes()
}

pub(crate) fn dir() -> &'static Path {
    Path::new("/db")
}

pub(crate) fn path(segment: SegmentId) -> PathBuf {
    dir().join(format!("{segment}.log"))
}

pub(crate) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}
