//! `demo`: the main job on real files, with a murder in the middle.
//!
//! 1. Collect files that every Rust machine has; shuffle them, always in the same way.
//! 2. A child of this program loads them and acknowledges; when about half are acknowledged it is
//!    killed by SIGKILL.
//! 3. Reopen: what was acknowledged must be there, and what is there must be the first files of
//!    the order. Load the rest; compare every value with its file byte for byte.
//! 4. Overwrite a part, delete a part, reopen, compact, compare everything again.
//! 5. Show the tree, what it cost, and how one key is found; fail if the run was too easy to
//!    prove anything.

mod changes;
mod child;
mod compare;
mod corpus;
mod file_list;
mod report;

use crate::args::{self, Place};
use crate::commands::{text, write_explanation, write_tree};
use crate::database;
use crate::exit::{self, Failure};
use crate::format::files::FileList;
use crate::load::{Acks, Loader};
use crate::options::Setting;
use crate::{progress, size};
use anyhow::{Result, bail};
use compare::Comparison;
use corpus::Corpus;
use report::Report;
use siltstone::Db;
use std::io::{Sink, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use child::run as run_child;

/// Longest wait for compaction to catch up.
const SETTLE: Duration = Duration::from_secs(10);

/// Runs all of it; any mismatch is an error that names the key.
pub(crate) fn run(args: &args::Demo, out: &mut dyn Write) -> Result<()> {
    let chosen = parse(&args.settings)?;
    let home = Home::new(args)?;
    let mut report = Report::new(out, args.json);
    let demo = Demo::prepare(&home.dir, args, chosen, &mut report);
    let done = demo.and_then(|demo| demo.run(&mut report)).and_then(|()| report.finish());
    // What failed is worth a look, too, if it is to be kept.
    home.leave()?;
    done
}

/// Where the database lies.
#[derive(Debug)]
struct Home {
    dir: PathBuf,
    /// Removed in the end unless it shall be kept.
    temporary: Option<tempfile::TempDir>,
    keep: bool,
}

impl Home {
    fn new(args: &args::Demo) -> Result<Self> {
        if let Some(dir) = &args.dir {
            database::refuse_used(dir)?;
            return Ok(Self { dir: dir.clone(), temporary: None, keep: args.keep });
        }
        let temporary = tempfile::Builder::new().prefix("siltstone-demo-").tempdir()?;
        let dir = temporary.path().join("db");
        Ok(Self { dir, temporary: Some(temporary), keep: args.keep })
    }

    fn leave(self) -> Result<()> {
        match self.temporary {
            Some(temporary) if self.keep => {
                // From here on nobody removes it.
                drop(temporary.keep());
                exit::say(&format!("the database stays in {}", self.dir.display()));
                Ok(())
            }
            Some(temporary) => Ok(temporary.close()?),
            None => Ok(()),
        }
    }
}

/// The files and how the database that takes them is set.
#[derive(Debug)]
struct Demo {
    corpus: Corpus,
    place: Place,
    /// The settings as a command line says them.
    settings: Vec<String>,
}

impl Demo {
    fn prepare(
        dir: &Path,
        args: &args::Demo,
        chosen: Vec<Setting>,
        report: &mut Report<'_>,
    ) -> Result<Self> {
        let corpus = Corpus::collect(args.files)?;
        for note in &corpus.notes {
            report.note(note)?;
        }
        report.step(&format!(
            "collected {} files, {}",
            text::count(corpus.files.len() as u64),
            size::human(corpus.bytes)
        ))?;
        let mut settings = settings(corpus.bytes);
        let mut parsed = parse(&settings)?;
        // Of two with the same name the last counts.
        settings.extend_from_slice(&args.settings);
        parsed.extend(chosen);
        let keyspace = "default".to_owned();
        let place = Place { dir: dir.to_path_buf(), keyspace, settings: parsed };
        Ok(Self { corpus, place, settings })
    }

    fn run(&self, report: &mut Report<'_>) -> Result<()> {
        self.load_and_kill(report)?;
        let db = database::open_to_write(&self.place)?;
        let found = self.check_survivors(&db, report)?;
        self.finish_load(&db, found, report)?;
        self.compare(&db, Comparison::AsLoaded, report)?;
        self.change(&db, report)?;
        settle(&db, report)?;
        report.add_counters(&db.metrics());
        show_tree(&db, report)?;
        db.close()?;
        let db = database::open_to_write(&self.place)?;
        db.compact_range(..)?;
        report.step("reopened and compacted everything")?;
        self.compare(&db, Comparison::Changed, report)?;
        report.add_counters(&db.metrics());
        show_tree(&db, report)?;
        self.explain_one(&db, report)?;
        db.close()?;
        Ok(())
    }

    fn load_and_kill(&self, report: &mut Report<'_>) -> Result<()> {
        let files = &self.corpus.files;
        let acknowledged = child::load_and_kill(&self.place.dir, &self.settings, files)?;
        report.acknowledged = acknowledged;
        report.step(&format!(
            "killed the loading child after it had acknowledged {} of {}",
            text::count(acknowledged),
            text::count(files.len() as u64)
        ))
    }

    /// How many files are there after the kill, which are the first ones.
    fn check_survivors(&self, db: &Db, report: &mut Report<'_>) -> Result<usize> {
        report.note_levels(&db.metrics());
        let found = compare::survivors(db, &self.corpus.files)?;
        report.found = found as u64;
        report.step(&format!("reopened: acknowledged {}, found {found}", report.acknowledged))?;
        if (found as u64) < report.acknowledged {
            let lost = self.corpus.files.get(found).map(|file| text::key(&file.key));
            let lost = lost.unwrap_or_default();
            return Err(
                Failure::Absent(format!("acknowledged files are lost, first {lost}")).into()
            );
        }
        Ok(found)
    }

    /// Loads what the killed child did not.
    fn finish_load(&self, db: &Db, found: usize, report: &mut Report<'_>) -> Result<()> {
        let rest = &self.corpus.files[found..];
        let bytes = rest.iter().map(|file| file.bytes).sum();
        let bar = progress::of_bytes("loading the rest", Some(bytes));
        let keyspace = db.default_keyspace();
        let mut loader = Loader::new(db, &keyspace, Acks::<Sink>::new(None));
        let files = rest.iter().map(|file| Ok((file.key.clone(), file.path.clone())));
        let stored = loader.run(&mut FileList::new(files), &bar)?;
        bar.finish_and_clear();
        report.note_levels(&db.metrics());
        report.step(&format!("loaded the other {}", text::count(stored)))
    }

    fn compare(&self, db: &Db, comparison: Comparison, report: &mut Report<'_>) -> Result<()> {
        let compared = compare::all(db, &self.corpus.files, comparison)?;
        if compared.changed_on_disk > 0 {
            let count = compared.changed_on_disk;
            report
                .note(&format!("{count} files were changed by others meanwhile: not compared"))?;
        }
        report.step(&format!(
            "compared {} values with their files byte for byte, {}; {} deleted ones are absent",
            text::count(compared.equal),
            size::human(compared.bytes),
            text::count(compared.absent)
        ))
    }

    fn change(&self, db: &Db, report: &mut Report<'_>) -> Result<()> {
        let (overwritten, deleted) = changes::apply(db, &self.corpus.files)?;
        report.note_levels(&db.metrics());
        db.flush()?;
        report.note_levels(&db.metrics());
        report.step(&format!(
            "overwrote {} and deleted {}",
            text::count(overwritten),
            text::count(deleted)
        ))
    }

    fn explain_one(&self, db: &Db, report: &mut Report<'_>) -> Result<()> {
        let files = &self.corpus.files;
        let kept =
            (files.len() / 2..files.len()).find(|&i| changes::of(i) == changes::Change::None);
        let Some(file) = kept.and_then(|index| files.get(index)) else {
            bail!("no file was left as it was");
        };
        let explanation = db.explain_get(&file.key)?;
        report.show(|out| write_explanation(out, &explanation))
    }
}

/// Waits until no compaction is due, or not much longer: a tree of a moment ago is not yet in
/// shape.
fn settle(db: &Db, report: &mut Report<'_>) -> Result<()> {
    let bar = progress::of_work("letting compaction catch up");
    let began = Instant::now();
    while began.elapsed() < SETTLE && db.tree()?.iter().any(|tree| tree.next_compaction.is_some()) {
        report.note_levels(&db.metrics());
        thread::sleep(Duration::from_millis(5));
    }
    bar.finish_and_clear();
    report.step("let compaction catch up")
}

fn show_tree(db: &Db, report: &mut Report<'_>) -> Result<()> {
    for tree in db.tree()? {
        report.show(|out| write_tree(out, &tree))?;
    }
    Ok(())
}

fn parse(settings: &[String]) -> Result<Vec<Setting>> {
    let parsed = settings.iter().map(|setting| Setting::parse(setting));
    Ok(parsed.collect::<Result<_, _>>().map_err(Failure::WrongUse)?)
}

/// Settings under which `bytes` of files fill many memtables and several levels.
fn settings(bytes: u64) -> Vec<String> {
    let memtable_bytes = (bytes / 320).clamp(16 << 10, 4 << 20);
    let base_bytes = (bytes / 12).max(4 * memtable_bytes);
    vec![
        "memory_budget=64MiB".to_owned(),
        format!("memtable_bytes={memtable_bytes}"),
        format!("compaction=leveled:ratio=4,table_bytes={memtable_bytes},base_bytes={base_bytes}"),
    ]
}
