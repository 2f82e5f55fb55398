//! Whether an action may be carried out: one function for the engine, simulators and fuzzers.
//!
//! | rule | what it asks |
//! |---|---|
//! | a | inputs exist, once each, and no job has them |
//! | b | convexity: between two inputs that share keys, whatever shares those keys is an input |
//! | c | recency: no input passes a table that shares keys with it and stays |
//! | d | the destination exists and stays a run: what the outputs could overlap in it is an input |
//! | e | a move reads nothing: its tables share no keys with each other or the destination |
//! | g | cuts leave no gap: a size that can be reached, a run to align to that is there |
//! | h | the outputs fit the disk, even if nothing is dropped |
//! | i | progress: the tree is another one afterwards, or a merge in place may lose tombstones |
//!
//! Rules f and j of the same list speak of dropping data, which no action asks for: the merge
//! decides that from versions and snapshots.
//!
//! Always: a running job counts twice, as its inputs where they are and as their copies where it
//! takes them. So what is legal now is legal whichever of the jobs ends first. New runs draw
//! their numbers when a job starts, so a later one is newer.
//!
//! Not in the view is a flush that is under way, whose run will be the newest of level 0. Who runs
//! jobs beside flushes must not start one that makes a new run in level 0 meanwhile.

use crate::run::Place;
use crate::{Action, Cut, Dest, Run, TableMeta, TreeView};
use siltstone_base::KeySpan;
use siltstone_sstable::TableId;
use std::collections::HashSet;
use std::sync::Arc;

/// An action that would break the tree, or get nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal by rule {rule}: {why}")]
pub struct Illegal {
    /// Letter of the rule, from the list in this module's source and in the crate's README.
    pub rule: char,
    /// What is wrong, with the tables' numbers.
    pub why: String,
}

impl Illegal {
    fn new(rule: char, why: impl Into<String>) -> Self {
        Self { rule, why: why.into() }
    }
}

/// Whether `action` may be started on the tree of `view`.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check(view: &dyn TreeView, action: &Action) -> Result<(), Illegal> {
    let plan = Plan::new(view, action)?;
    plan.keeps_recency()?;
    plan.keeps_runs_disjoint()?;
    if let Action::Merge { cut, .. } = action {
        check_cut(view, cut)?;
        plan.fits_the_disk()?;
    }
    plan.makes_progress()
}

/// An action with everything it speaks of looked up.
struct Plan<'a> {
    view: &'a dyn TreeView,
    is_move: bool,
    inputs: Vec<Input<'a>>,
    ids: HashSet<TableId>,
    dest: Dest,
    place: Place,
    ghosts: Vec<Ghosts<'a>>,
}

#[derive(Clone, Copy)]
struct Input<'a> {
    run: &'a Arc<Run>,
    table: &'a Arc<TableMeta>,
}

/// What a running job will have put where.
struct Ghosts<'a> {
    place: Place,
    spans: Vec<&'a KeySpan>,
}

impl<'a> Plan<'a> {
    fn new(view: &'a dyn TreeView, action: &Action) -> Result<Self, Illegal> {
        let mut ids = HashSet::with_capacity(action.inputs().len());
        for &table in action.inputs() {
            if !ids.insert(table) {
                return Err(Illegal::new('a', format!("table {table} is an input twice")));
            }
            if view.is_busy(table) {
                return Err(Illegal::new('a', format!("table {table} is being compacted")));
            }
        }
        let inputs = tables_of(view, &ids);
        if inputs.len() < ids.len() {
            let there: HashSet<_> = inputs.iter().map(|input| input.table.id).collect();
            let missing = action.inputs().iter().find(|table| !there.contains(table));
            let why =
                missing.map_or_else(String::new, |table| format!("there is no table {table}"));
            return Err(Illegal::new('a', why));
        }
        if inputs.is_empty() {
            return Err(Illegal::new('i', "there are no inputs"));
        }
        let dest = action.dest();
        let is_move = matches!(action, Action::Move { .. });
        let place = dest_place(view, dest)?;
        Ok(Self { view, is_move, inputs, ids, dest, place, ghosts: ghosts(view) })
    }

    /// Rules b and c.
    fn keeps_recency(&self) -> Result<(), Illegal> {
        for input in &self.inputs {
            let passed = |place: Place| is_between(place, input.run.place(), self.place);
            for run in self.view.runs().iter().filter(|run| passed(run.place())) {
                let overlap = run.overlap(&input.table.span);
                if let Some(stays) = overlap.iter().find(|table| !self.ids.contains(&table.id)) {
                    return Err(self.out_of_order(input, run, stays));
                }
            }
            for ghosts in self.ghosts.iter().filter(|ghosts| passed(ghosts.place)) {
                if ghosts.spans.iter().any(|span| span.overlaps(&input.table.span)) {
                    let table = input.table.id;
                    let why = format!("table {table} would pass what a job is writing");
                    return Err(Illegal::new('c', why));
                }
            }
        }
        Ok(())
    }

    /// The error for `input`, which would pass `stays`.
    fn out_of_order(&self, input: &Input<'_>, run: &Run, stays: &TableMeta) -> Illegal {
        // Another input on the far side of `stays`, over keys that all three share.
        let shared = |other: &Input<'_>| {
            let spans = [&input.table.span, &stays.span, &other.table.span];
            spans.iter().map(|span| &span.first).max() <= spans.iter().map(|span| &span.last).min()
        };
        let place = run.place();
        let beyond = |other: &&Input<'_>| is_between(place, input.run.place(), other.run.place());
        let (a, between) = (input.table.id, stays.id);
        let far = self.inputs.iter().filter(beyond).find(|other| shared(other));
        if let Some(b) = far.map(|other| other.table.id) {
            let why = format!("table {between} lies between the inputs {a} and {b}");
            return Illegal::new('b', why);
        }
        Illegal::new('c', format!("table {a} would pass table {between}"))
    }

    /// Rules d and e.
    fn keeps_runs_disjoint(&self) -> Result<(), Illegal> {
        let outputs = if self.is_move { self.moved_spans()? } else { vec![self.hull()] };
        let rule = if self.is_move { 'e' } else { 'd' };
        let Dest::Into(dest) = self.dest else { return Ok(()) };
        for output in &outputs {
            let overlap = self.view.overlap(dest, output);
            if let Some(stays) = overlap.iter().find(|table| !self.ids.contains(&table.id)) {
                let why = format!("table {} of the destination would be overlapped", stays.id);
                return Err(Illegal::new(rule, why));
            }
        }
        let writing = self.ghosts.iter().filter(|ghosts| ghosts.place == self.place);
        for ghosts in writing {
            let hull = hull(ghosts.spans.iter().copied());
            if hull.is_some_and(|hull| outputs.iter().any(|output| output.overlaps(&hull))) {
                let why = format!("a job is writing to these keys of run {dest}");
                return Err(Illegal::new('d', why));
            }
        }
        Ok(())
    }

    /// The spans of the tables of a move, ascending.
    fn moved_spans(&self) -> Result<Vec<KeySpan>, Illegal> {
        let mut tables: Vec<_> = self.inputs.iter().map(|input| input.table).collect();
        tables.sort_by(|a, b| a.span.first.cmp(&b.span.first));
        let shared = tables.windows(2).find(|pair| pair[0].span.last >= pair[1].span.first);
        if let Some(pair) = shared {
            let why = format!("tables {} and {} share keys", pair[0].id, pair[1].id);
            return Err(Illegal::new('e', why));
        }
        Ok(tables.into_iter().map(|table| table.span.clone()).collect())
    }

    /// What outputs of a merge could span.
    fn hull(&self) -> KeySpan {
        let hull = hull(self.inputs.iter().map(|input| &input.table.span));
        hull.unwrap_or_else(|| KeySpan::new("", ""))
    }

    /// Rule h.
    fn fits_the_disk(&self) -> Result<(), Illegal> {
        let bytes = self.inputs.iter().map(|input| input.table.file_bytes);
        let bytes = bytes.fold(0u64, u64::saturating_add);
        let free_bytes = self.view.env().free_bytes;
        if bytes > free_bytes {
            let why = format!("outputs of {bytes} bytes, {free_bytes} bytes are free");
            return Err(Illegal::new('h', why));
        }
        Ok(())
    }

    /// Rule i.
    fn makes_progress(&self) -> Result<(), Illegal> {
        let source = self.inputs[0].run;
        if self.inputs.iter().any(|input| input.run.id() != source.id()) {
            return Ok(());
        }
        let same = match self.dest {
            Dest::Into(run) => run == source.id(),
            Dest::NewRun { level } => {
                level == source.level() && self.inputs.len() == source.tables().len()
            }
        };
        // A rewrite in place is for tombstones, which may have had a reader before.
        let may_shrink =
            !self.is_move && self.inputs.iter().any(|input| input.table.point_tombstones > 0);
        if same && !may_shrink {
            return Err(Illegal::new('i', "the tables are where they shall go"));
        }
        Ok(())
    }
}

/// Rule g.
fn check_cut(view: &dyn TreeView, cut: &Cut) -> Result<(), Illegal> {
    if cut.target_bytes() == 0 || cut.target_bytes() > cut.max_bytes() {
        return Err(Illegal::new('g', "outputs cannot have such a size"));
    }
    match cut {
        Cut::AlignTo { run, .. } if view.run(*run).is_none() => {
            Err(Illegal::new('g', format!("there is no run {run} to align to")))
        }
        _ => Ok(()),
    }
}

fn dest_place(view: &dyn TreeView, dest: Dest) -> Result<Place, Illegal> {
    match dest {
        Dest::NewRun { level } => Ok(Place::new_in(level)),
        Dest::Into(run) => match view.run(run) {
            Some(run) => Ok(run.place()),
            None => Err(Illegal::new('d', format!("there is no run {run}"))),
        },
    }
}

/// The tables of the view that `ids` name, newest run first.
fn tables_of<'a>(view: &'a dyn TreeView, ids: &HashSet<TableId>) -> Vec<Input<'a>> {
    let mut tables = Vec::with_capacity(ids.len());
    for run in view.runs() {
        let named = run.tables().iter().filter(|table| ids.contains(&table.id));
        tables.extend(named.map(|table| Input { run, table }));
    }
    tables
}

fn ghosts(view: &dyn TreeView) -> Vec<Ghosts<'_>> {
    let ghosts = view.jobs().iter().map(|job| {
        let ids = job.inputs.iter().copied().collect();
        let spans = tables_of(view, &ids).iter().map(|input| &input.table.span).collect();
        Ghosts { place: Place::of(job.level, job.run), spans }
    });
    ghosts.collect()
}

fn is_between(place: Place, a: Place, b: Place) -> bool {
    a.min(b) < place && place < a.max(b)
}

fn hull<'a>(spans: impl Iterator<Item = &'a KeySpan>) -> Option<KeySpan> {
    spans.cloned().reduce(|hull, span| hull.union(&span))
}

#[cfg(test)]
pub(crate) mod tests;
