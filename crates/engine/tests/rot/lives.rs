//! Small databases in five states, what they hold, and what they were like before.
//!
//! Always: everything in them was synced, so that nothing may be lost. The same seed gives the
//! same bytes.

use crate::common::settings::Settings;
use crate::common::{Chance, State, files, state_of};
use siltstone::KeyspaceTree;
use siltstone::vfs::{MemVfs, Vfs};
use siltstone::{
    Compression, Db, Durability, Keyspace, Leveled, Options, ReadMode, WriteBatch, WriteOptions,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub(crate) const DIR: &str = "/db";

/// A database that was left, and how it came to that.
pub(crate) struct Life {
    /// The disk as its last process left it.
    pub(crate) left: MemVfs,
    pub(crate) holds: State,
    /// The disk at earlier moments.
    pub(crate) moments: Vec<MemVfs>,
    settings: Settings,
}

impl Life {
    /// Options for opening what was left.
    pub(crate) fn options(&self, disk: &MemVfs, read_mode: ReadMode) -> Options {
        let mut settings = self.settings.clone();
        settings.read_mode = read_mode;
        settings.seed += 1_000;
        settings.options(Arc::new(disk.clone()))
    }

    /// The same after the machine was started again, everything being durable.
    pub(crate) fn restarted(mut self) -> Self {
        for (name, _) in files(&self.left, DIR) {
            self.left.sync_file(&Path::new(DIR).join(name)).unwrap();
        }
        self.left.sync_dir(Path::new(DIR)).unwrap();
        self.left = self.left.power_cut();
        self
    }
}

/// A database that is being written.
struct Writer {
    disk: MemVfs,
    settings: Settings,
    db: Db,
    moments: Vec<MemVfs>,
    chance: Chance,
}

impl Writer {
    fn new(seed: u64, memtable_bytes: u64) -> Self {
        let settings = Settings {
            memtable_bytes,
            memory_budget: 1 << 20,
            block_bytes: 256,
            compression: Compression::Snap,
            filter_bits_per_key: 10,
            read_mode: ReadMode::Pread,
            background_threads: 0,
            policy: Leveled::default().level0_runs(2).ratio(2).table_bytes(900).base_bytes(800),
            seed,
        };
        let disk = MemVfs::new();
        let db = settings.options(Arc::new(disk.clone())).open(DIR).unwrap();
        Self { disk, settings, db, moments: Vec::new(), chance: Chance::new(seed) }
    }

    /// Remembers the disk as it is.
    fn moment(&mut self) {
        self.moments.push(self.disk.process_death());
    }

    /// The process dies, or closes first, and another opens.
    fn reopen(&mut self, close: bool) {
        if close {
            self.db.close().unwrap();
        }
        let disk = self.disk.process_death();
        self.settings.seed += 10;
        self.db = self.settings.options(Arc::new(disk.clone())).open(DIR).unwrap();
        self.disk = disk;
        self.moment();
    }

    fn space(&self, name: &str) -> Keyspace {
        self.db.keyspace(name).unwrap()
    }

    /// Writes `count` values, some of them over older ones, some deleted, and syncs in the end.
    fn write(&mut self, space: &Keyspace, count: usize, value_bytes: usize) {
        for number in 0..count {
            let key = format!("key {:03}", self.chance.below(2 * count));
            if self.chance.percent(10) {
                space.delete(key).unwrap();
                continue;
            }
            let fill = format!("{number} {:x} ", self.chance.next());
            let value: Vec<u8> = fill.bytes().cycle().take(value_bytes).collect();
            let sync = self.chance.percent(20);
            let durability = if sync { Durability::Sync } else { Durability::Buffered };
            let mut batch = WriteBatch::new();
            batch.put(space, key, value);
            batch.put(&self.db.default_keyspace(), format!("last of {}", space.name()), fill);
            let options = WriteOptions::new().durability(durability);
            self.db.write_with(batch, &options).unwrap();
        }
        self.db.sync().unwrap();
    }

    fn end(self) -> Life {
        let holds = state_of(&self.db).unwrap();
        let left = self.disk.process_death();
        Life { left, holds, moments: self.moments, settings: self.settings }
    }
}

/// Three segments of log, and no table.
pub(crate) fn live_logs(seed: u64) -> Life {
    let mut writer = Writer::new(seed, 8 << 10);
    for name in ["default", "one", "two"] {
        let space = writer.space(name);
        writer.write(&space, 8, 40);
        writer.moment();
        if name != "two" {
            writer.reopen(false);
        }
    }
    assert_eq!(count(&writer, ".sst"), 0, "all of it is in the log");
    writer.db.drop_keyspace("one").unwrap();
    writer.end()
}

/// Tables of one keyspace, log of another.
pub(crate) fn closed(seed: u64) -> Life {
    let mut writer = Writer::new(seed, 4 << 10);
    let (flushed, logged) = (writer.space("flushed"), writer.space("logged"));
    writer.write(&flushed, 10, 60);
    writer.moment();
    flushed.flush().unwrap();
    writer.write(&logged, 10, 30);
    writer.moment();
    writer.db.close().unwrap();
    assert!(count(&writer, ".sst") > 0 && count(&writer, ".log") > 0, "there are both");
    let holds = writer.reopened_state();
    Life { holds, ..writer.end_closed() }
}

/// Several tables in each of several levels of two keyspaces.
pub(crate) fn tables(seed: u64) -> Life {
    let mut writer = Writer::new(seed, 2 << 10);
    for round in 0..4 {
        for name in ["default", "more"] {
            let space = writer.space(name);
            writer.write(&space, 25, 30 + round);
            space.flush().unwrap();
        }
        writer.moment();
    }
    assert!(count(&writer, ".sst") > 3, "there are several tables");
    let levels = |space: &KeyspaceTree| {
        let levels: BTreeSet<u8> = space.runs.iter().map(|run| run.level).collect();
        levels.len()
    };
    let trees = writer.db.tree().unwrap();
    assert!(trees.iter().any(|space| levels(space) > 2), "on several levels: {trees:?}");
    writer.db.flush().unwrap();
    writer.db.close().unwrap();
    let holds = writer.reopened_state();
    Life { holds, ..writer.end_closed() }
}

/// Values longer than a segment begins, a dropped keyspace, tombstones.
pub(crate) fn large_values(seed: u64) -> Life {
    let mut writer = Writer::new(seed, 4 << 10);
    let gone = writer.space("gone");
    writer.write(&gone, 4, 100);
    let space = writer.space("large");
    writer.write(&space, 3, 3_000);
    writer.moment();
    writer.db.drop_keyspace("gone").unwrap();
    writer.reopen(false);
    let space = writer.space("large");
    space.put("largest", vec![b'x'; 5_000]).unwrap();
    space.delete("key 001").unwrap();
    writer.write(&space, 4, 1_200);
    writer.moment();
    let small = writer.space("small");
    writer.write(&small, 3, 20);
    writer.end()
}

/// A checkpoint of tables and log.
pub(crate) fn checkpoint(seed: u64) -> Life {
    let mut writer = Writer::new(seed, 4 << 10);
    let space = writer.space("copied");
    writer.write(&space, 8, 60);
    space.flush().unwrap();
    writer.write(&space, 6, 50);
    writer.moment();
    writer.db.checkpoint("/copy").unwrap();
    let holds = state_of(&writer.db).unwrap();
    let left = MemVfs::new();
    left.create_dir_all(Path::new(DIR)).unwrap();
    for (name, bytes) in crate::common::contents(&writer.disk, "/copy") {
        left.write(format!("{DIR}/{name}"), &bytes).unwrap();
    }
    Life { left, holds, moments: writer.moments, settings: writer.settings }
}

impl Writer {
    /// What a closed database holds, from a copy of the disk.
    fn reopened_state(&self) -> State {
        let disk = self.disk.process_death();
        let db = self.settings.options(Arc::new(disk)).open(DIR).unwrap();
        state_of(&db).unwrap()
    }

    fn end_closed(self) -> Life {
        let left = self.disk.process_death();
        Life { left, holds: State::new(), moments: self.moments, settings: self.settings }
    }
}

fn count(writer: &Writer, extension: &str) -> usize {
    let names = files(&writer.disk, DIR).into_iter().map(|(name, _)| name);
    names.filter(|name| name.ends_with(extension)).count()
}
