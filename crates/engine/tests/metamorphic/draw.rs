//! Lists of ops, drawn from seeds.
//!
//! Each list has moods: some groups of ops are frequent in it, others rare, so that lists differ
//! from each other and not only ops.

use crate::common::Chance;
use crate::op::{Keep, List, Op, SLOTS, SPACES, Way, Write};
use crate::settle::{Filled, Missing};
use crate::value::{End, Key, Range, Val, WORD_COUNT};

/// Whether power cuts may take what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    /// They come right after a sync: all options must give the same history.
    None,
    /// They come at any time: each history must be right by itself.
    Some,
}

/// How often each group of ops happens, before moods.
const GROUPS: [(Group, usize); 10] = [
    (Group::Writes, 380),
    (Group::Reads, 110),
    (Group::Cursors, 120),
    (Group::Scans, 50),
    (Group::Snapshots, 80),
    (Group::Values, 12),
    (Group::Upkeep, 24),
    (Group::Spaces, 14),
    (Group::Lives, 14),
    (Group::Checks, 24),
];

#[derive(Clone, Copy, Debug)]
enum Group {
    Writes,
    Reads,
    Cursors,
    Scans,
    Snapshots,
    Values,
    Upkeep,
    Spaces,
    Lives,
    Checks,
}

/// Draws one list.
pub(crate) struct Draw {
    chance: Chance,
    losses: Losses,
    weights: Vec<usize>,
    delete_percent: usize,
    /// How many keys there are of each kind: few meet more often.
    keys: usize,
    tag: u32,
    filled: Filled,
}

/// The list of a seed.
pub(crate) fn list_of(seed: u64, ops: usize, losses: Losses) -> Vec<Op> {
    let chance = Chance::new(seed.wrapping_mul(2) + u64::from(losses == Losses::Some));
    let mut moods = GROUPS.map(|(_, weight)| weight * *chance.pick(&[1, 2, 2, 4, 8]) / 2 + 1);
    if losses == Losses::Some {
        let lives = GROUPS.iter().position(|(group, _)| matches!(group, Group::Lives));
        moods[lives.unwrap()] *= 3;
    }
    let mut draw = Draw {
        weights: moods.to_vec(),
        delete_percent: *chance.pick(&[5, 20, 50, 80]),
        keys: *chance.pick(&[4, 20, 60, 120]),
        chance,
        losses,
        tag: 0,
        filled: Filled::default(),
    };
    let mut list = vec![Op::Create { space: 1 }, Op::Create { space: 2 }];
    while list.len() < ops {
        let op = draw.op();
        // Mostly what is missing is made first; now and then the op is about nothing.
        let missing = draw.filled.missing(&op).filter(|_| draw.chance.percent(95));
        let made = missing.map(|missing| draw.made(missing));
        // What a flush or a keyspace's end leaves is cut while it is fresh.
        let installs = matches!(op, Op::Flush { .. } | Op::Compact { .. } | Op::DropSpace { .. });
        let cut = losses == Losses::Some && installs && draw.chance.percent(30);
        let cut = cut.then(|| draw.power_cut(false));
        for op in made.into_iter().chain([op]).chain(cut) {
            draw.filled.note(&op);
            list.push(op);
        }
    }
    list
}

impl Draw {
    fn below(&self, bound: usize) -> usize {
        self.chance.below(bound)
    }

    fn byte(&self, below: usize) -> u8 {
        u8::try_from(self.below(below)).unwrap()
    }

    fn seed(&self) -> u32 {
        u32::try_from(self.chance.next() >> 32).unwrap()
    }

    fn slot(&self) -> u8 {
        self.byte(SLOTS)
    }

    fn salt(&self) -> u8 {
        self.byte(256)
    }

    /// Mostly one that is there from the beginning.
    fn space(&self) -> u8 {
        if self.chance.percent(10) { 3 } else { self.byte(3) }
    }

    fn op(&mut self) -> Op {
        match GROUPS[self.chance.weighted(self.weights.iter().copied())].0 {
            Group::Writes => self.write(),
            Group::Reads => self.read(),
            Group::Cursors => self.cursor(),
            Group::Scans => self.scan(),
            Group::Snapshots => self.snapshot(),
            Group::Values => self.value(),
            Group::Upkeep => self.upkeep(),
            Group::Spaces => self.spaces(),
            Group::Lives => self.life(),
            Group::Checks => self.check(),
        }
    }

    fn made(&self, missing: Missing) -> Op {
        let space = self.space();
        match missing {
            Missing::Cursor(slot) => Op::NewCursor { slot, space },
            Missing::Scan(slot) => Op::NewScan { slot, space, range: self.range() },
            Missing::Snapshot(slot) => Op::TakeSnapshot { slot },
            Missing::Value(slot) => Op::HoldValue { slot, space, key: self.key() },
            Missing::Copy(slot) => Op::OpenReadOnly { slot, salt: self.salt() },
        }
    }

    fn write(&mut self) -> Op {
        let space = self.space();
        match self.below(100) {
            0..2 => Op::PutOverLimit { space },
            2..3 => Op::WriteForeign { space },
            3..8 => Op::Fill {
                space,
                first: u16::try_from(self.below(100)).unwrap(),
                count: u16::try_from(self.chance.between(5, 60)).unwrap(),
                bytes: *self.chance.pick(&[4, 30, 100, 400]),
            },
            8..25 => {
                let count = self.below(*self.chance.pick(&[2, 5, 30]));
                let writes = (0..count).map(|_| self.one_write()).collect();
                Op::Batch { writes: List(writes), sync: self.chance.percent(20) }
            }
            _ => match self.one_write() {
                Write::Set(space, key, value) => Op::Put { space, key, value },
                Write::Unset(space, key) => Op::Delete { space, key },
            },
        }
    }

    fn one_write(&mut self) -> Write {
        let (space, key) = (self.space(), self.key());
        if self.chance.percent(self.delete_percent) {
            return Write::Unset(space, key);
        }
        self.tag += 1;
        let bytes = self.value_bytes();
        let tagged = self.chance.percent(70);
        let value = if tagged { Val::Tagged(bytes, self.tag) } else { Val::Noise(bytes, self.tag) };
        Write::Set(space, key, value)
    }

    /// Lengths around those of blocks, of copied values, of memtables and of log segments.
    fn value_bytes(&self) -> u32 {
        let edges = [62, 63, 64, 65, 126, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025];
        let number = match self.below(1000) {
            0..50 => 0,
            50..80 => 1,
            80..550 => self.chance.between(4, 40),
            550..800 => self.chance.between(40, 300),
            800..900 => *self.chance.pick(&edges),
            900..940 => *self.chance.pick(&[2047, 2048, 4095, 4096, 4097]),
            940..992 => self.chance.between(300, 6_000),
            992..998 => *self.chance.pick(&[16_384, 65_535, 65_536, 65_537]),
            _ => *self.chance.pick(&[140_000, 300_000, 1_100_000]),
        };
        u32::try_from(number).unwrap()
    }

    fn key(&self) -> Key {
        let number = |below: usize| u16::try_from(self.below(below)).unwrap();
        match self.below(1000) {
            0..600 => Key::Word(self.byte(WORD_COUNT), number(self.keys)),
            600..750 => Key::Letters(self.byte(5), number(256)),
            750..800 => Key::High(self.byte(20)),
            800..830 => Key::Empty,
            830..997 => Key::Shared(number(self.keys)),
            _ => Key::Longest(self.byte(4)),
        }
    }

    fn range(&self) -> Range {
        let end = || match self.below(4) {
            0 => End::Open,
            1 => End::Beyond(self.key()),
            _ => End::At(self.key()),
        };
        Range::Between(end(), end())
    }

    fn prefix(&self) -> Key {
        match self.below(4) {
            0 => Key::Letters(self.byte(3), u16::try_from(self.below(64)).unwrap()),
            1 => Key::High(self.byte(4)),
            2 => Key::Word(self.byte(WORD_COUNT), u16::try_from(self.below(10)).unwrap()),
            _ => self.key(),
        }
    }

    fn way(&self) -> Way {
        *self.chance.pick(&[Way::Forward, Way::Backward, Way::Mixed(self.seed())])
    }

    fn read(&self) -> Op {
        let (space, key) = (self.space(), self.key());
        match self.below(100) {
            0..40 => Op::Get { space, key },
            40..50 => Op::Contains { space, key },
            50..60 => Op::Explain { space, key },
            60..75 => Op::Scan { space, range: self.range(), way: self.way() },
            75..85 => Op::ScanPrefix { space, prefix: self.prefix(), way: self.way() },
            85..95 => Op::Keys { space, range: self.range(), way: self.way() },
            _ => Op::Size { space, range: self.range() },
        }
    }

    fn cursor(&self) -> Op {
        let slot = self.slot();
        let times = u8::try_from(self.chance.between(1, 12)).unwrap();
        match self.below(100) {
            0..7 => Op::NewCursor { slot, space: self.space() },
            7..14 => Op::SeekFirst { slot },
            14..21 => Op::SeekLast { slot },
            21..38 => Op::Seek { slot, key: self.key() },
            38..55 => Op::SeekForPrev { slot, key: self.key() },
            55..75 => Op::Next { slot, times },
            75..95 => Op::Prev { slot, times },
            _ => Op::DropCursor { slot },
        }
    }

    fn scan(&self) -> Op {
        let slot = self.slot();
        let times = u8::try_from(self.chance.between(1, 12)).unwrap();
        match self.below(100) {
            0..12 => Op::NewScan { slot, space: self.space(), range: self.range() },
            12..52 => Op::TakeFront { slot, times },
            52..92 => Op::TakeBack { slot, times },
            _ => Op::DropScan { slot },
        }
    }

    fn snapshot(&self) -> Op {
        let (slot, space) = (self.slot(), self.space());
        match self.below(100) {
            0..10 => Op::TakeSnapshot { slot },
            10..14 => Op::CloneSnapshot { from: slot, to: self.slot() },
            14..48 => Op::SnapshotGet { slot, space, key: self.key() },
            48..65 => Op::SnapshotScan { slot, space, range: self.range(), way: self.way() },
            65..74 => Op::SnapshotPrefix { slot, space, prefix: self.prefix(), way: self.way() },
            74..82 => Op::SnapshotKeys { slot, space, range: self.range(), way: self.way() },
            82..92 => Op::SnapshotCursor { slot: self.slot(), snapshot: slot, space },
            _ => Op::DropSnapshot { slot },
        }
    }

    fn value(&self) -> Op {
        let slot = self.slot();
        if self.chance.percent(40) {
            Op::HoldValue { slot, space: self.space(), key: self.key() }
        } else {
            Op::LookAtValue { slot }
        }
    }

    fn upkeep(&self) -> Op {
        let space = self.space();
        match self.below(100) {
            0..20 => Op::Sync,
            20..35 => Op::FlushAll,
            35..65 => Op::Flush { space },
            65..80 => Op::Compact { space, range: Range::Between(End::Open, End::Open) },
            _ => Op::Compact { space, range: self.range() },
        }
    }

    fn spaces(&self) -> Op {
        let space = self.byte(SPACES);
        match self.below(100) {
            0..35 => Op::Create { space },
            35..55 => Op::DropSpace { space },
            55..75 => Op::Recreate { space },
            75..90 => Op::FindSpace { space },
            _ => Op::ListSpaces,
        }
    }

    fn life(&self) -> Op {
        let synced = self.losses == Losses::None || self.chance.percent(25);
        let salt = self.salt();
        match self.below(100) {
            0..15 => Op::Reopen { close: self.chance.percent(60) },
            15..30 => Op::ReopenAs { salt },
            30..35 => Op::UseClosed,
            35..55 => Op::Die,
            55..85 => self.power_cut(synced),
            _ => {
                let operations = u16::try_from(self.below(40)).unwrap();
                let keep = Keep::Part(self.byte(9));
                Op::CutRecovery { operations, keep, seed: self.seed(), synced }
            }
        }
    }

    fn power_cut(&self, synced: bool) -> Op {
        let part = Keep::Part(self.byte(9));
        let keep = *self.chance.pick(&[Keep::Nothing, part, part, part, Keep::Everything]);
        Op::PowerCut { keep, seed: self.seed(), synced }
    }

    fn check(&self) -> Op {
        let slot = self.slot();
        match self.below(100) {
            0..20 => Op::CheckAll,
            20..35 => Op::Verify,
            35..45 => Op::Metrics,
            45..50 => Op::Tree,
            50..65 => Op::Checkpoint { salt: self.salt() },
            65..80 => Op::OpenReadOnly { slot, salt: self.salt() },
            80..90 => Op::AskReadOnly { slot },
            90..95 => Op::DropReadOnly { slot },
            _ => Op::OpenTwice,
        }
    }
}
