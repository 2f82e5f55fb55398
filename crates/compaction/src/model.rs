//! A tree without files, for tests: each table is the exact set of its keys and their seqnos.
//!
//! Always: after each step every key's seqnos fall from run to run, newest run first. That is
//! what legality is for, and a read that stops at the first run with the key relies on it.

use crate::{
    Action, Cut, Env, Illegal, JobMeta, Placed, RunId, TableMeta, Version, VersionEdit,
    VersionView, check, picture,
};
use siltstone_base::{KeySpan, Seqno};
use siltstone_sstable::TableId;
use siltstone_vfs::{Random, SeededRandom};
use std::collections::{BTreeMap, HashMap};

/// The keys of a table and when they were written.
pub(crate) type Contents = BTreeMap<Vec<u8>, Seqno>;

/// A tree, what runs on it, and what it must say.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) version: Version,
    pub(crate) env: Env,
    pub(crate) jobs: Vec<JobMeta>,
    pub(crate) stats: Stats,
    cuts: Vec<(Cut, Vec<Vec<u8>>)>,
    contents: HashMap<TableId, Contents>,
    newest: Contents,
    entry_bytes: u64,
    next_run: u64,
    next_seqno: Seqno,
}

/// What was done to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) flushed_bytes: u64,
    pub(crate) merged_bytes: u64,
    pub(crate) merges: u64,
    pub(crate) moves: u64,
}

impl Model {
    pub(crate) fn new(env: Env, entry_bytes: u64) -> Self {
        Self {
            version: Version::empty(),
            env,
            jobs: Vec::new(),
            stats: Stats::default(),
            cuts: Vec::new(),
            contents: HashMap::new(),
            newest: Contents::new(),
            entry_bytes,
            next_run: 1,
            next_seqno: 1,
        }
    }

    pub(crate) fn view(&self) -> VersionView<'_> {
        VersionView::new(&self.version, &self.jobs, self.env.clone())
    }

    /// A memtable with these keys becomes a run of level 0.
    pub(crate) fn flush(&mut self, keys: impl IntoIterator<Item = u64>) {
        let mut contents = Contents::new();
        for key in keys {
            contents.insert(format!("{key:08}").into_bytes(), self.next_seqno);
            self.next_seqno += 1;
        }
        self.newest.extend(contents.clone());
        let run = self.draw_run();
        let table = self.make_table(contents);
        self.stats.flushed_bytes += table.file_bytes;
        self.apply(&VersionEdit { removed: vec![], added: vec![Placed { level: 0, run, table }] });
    }

    /// Starts an action; a move is done at once.
    pub(crate) fn start(&mut self, action: &Action) -> Result<(), Illegal> {
        check(&self.view(), action)?;
        let job = action.job(&self.view(), RunId(self.next_run)).unwrap();
        self.next_run += 1;
        match action {
            Action::Move { .. } => {
                self.stats.moves += 1;
                self.apply(&VersionEdit::of_move(&job, &self.version));
            }
            Action::Merge { cut, .. } => {
                let all = KeySpan::new("", "~");
                self.cuts.push((*cut, cut.boundaries(self.version.runs(), &all)));
                self.jobs.push(job);
            }
        }
        Ok(())
    }

    /// Ends the merge at `at` in the list of jobs.
    pub(crate) fn finish(&mut self, at: usize) {
        let job = self.jobs.remove(at);
        let (cut, boundaries) = self.cuts.remove(at);
        let mut merged = Contents::new();
        for input in &job.inputs {
            for (key, &seqno) in &self.contents[input] {
                let newest = merged.entry(key.clone()).or_insert(seqno);
                *newest = seqno.max(*newest);
            }
        }
        let mut outputs = Vec::new();
        let (mut table, mut boundaries) = (Contents::new(), boundaries.into_iter().peekable());
        for (key, seqno) in merged {
            let bytes = table.len() as u64 * self.entry_bytes;
            let crossed = std::iter::from_fn(|| boundaries.next_if(|end| *end < key)).count();
            let full =
                bytes >= cut.max_bytes() || bytes >= cut.target_bytes() * 9 / 10 && crossed > 0;
            if full {
                outputs.push(self.make_table(std::mem::take(&mut table)));
            }
            table.insert(key, seqno);
        }
        outputs.push(self.make_table(table));
        self.stats.merges += 1;
        self.stats.merged_bytes += outputs.iter().map(|table| table.file_bytes).sum::<u64>();
        self.apply(&VersionEdit::of_job(&job, outputs));
    }

    /// Every key's seqnos fall from run to run, and begin with its newest one.
    pub(crate) fn assert_recency(&self) {
        let mut seen: HashMap<&[u8], Seqno> = HashMap::new();
        for run in self.version.runs() {
            for table in run.tables() {
                for (key, &seqno) in &self.contents[&table.id] {
                    assert!(table.span.contains(key), "a table spans its keys");
                    let newer = seen.insert(key, seqno);
                    let expected = newer.unwrap_or(self.newest[key] + 1);
                    assert!(seqno < expected, "{seqno} of {} hides", key.escape_ascii());
                    let newest = newer.is_some() || seqno == self.newest[key];
                    assert!(newest, "the newest version of {} is lost", key.escape_ascii());
                }
            }
        }
        assert_eq!(seen.len(), self.newest.len(), "keys are lost");
    }

    fn apply(&mut self, edit: &VersionEdit) {
        let next = self.version.apply(edit);
        self.version = next.unwrap_or_else(|why| panic!("{why}\n{}", self.version.describe()));
        for table in edit.dropped() {
            self.contents.remove(&table);
        }
        // What the manifest keeps says the same.
        let mut bytes = Vec::new();
        edit.encode(&mut bytes);
        assert_eq!(VersionEdit::decode(&bytes).as_ref(), Ok(edit));
    }

    fn make_table(&mut self, contents: Contents) -> TableMeta {
        let number = self.next_run;
        self.next_run += 1;
        let (first, last) =
            (contents.first_key_value().unwrap(), contents.last_key_value().unwrap());
        let bytes = contents.len() as u64 * self.entry_bytes;
        let mut table = picture::table(number, first.0, last.0, bytes);
        table.seqnos = (*contents.values().min().unwrap(), *contents.values().max().unwrap());
        self.contents.insert(table.id, contents);
        table
    }

    fn draw_run(&mut self) -> RunId {
        self.next_run += 1;
        RunId(self.next_run - 1)
    }
}

/// A number below `bound`.
pub(crate) fn below(random: &SeededRandom, bound: u64) -> u64 {
    random.next_u64() % bound
}
