//! Level 0 into the first level below that is in use.
//!
//! Tables of level 0 that overlap, directly or by others, form a *group*; a group goes as a
//! whole, so nothing newer passes anything older. Groups of one table that overlap nothing below
//! move, all at once: a sequential load is never rewritten.

use super::pick::{Goal, Picker};
use crate::{Action, TableMeta, TreeView, Why};
use std::cmp::Reverse;
use std::sync::Arc;

/// Tables of level 0 that must go together, and no job has.
type Group = Vec<Arc<TableMeta>>;

/// What level 0 gives, if it has `runs_wanted` runs that no job has.
pub(super) fn pick(picker: &Picker<'_>, runs_wanted: u32) -> Option<Action> {
    let runs = free_runs(picker.view);
    if runs < runs_wanted {
        return None;
    }
    let why = Why::Level0Runs { runs };
    let goal = picker.goal_level(picker.targets.dest_of(0))?;
    let mut groups = groups(picker.view);
    move_all(picker, &groups, &goal, why).or_else(|| {
        // The largest one shortens reads most.
        groups.sort_by_key(|group| Reverse(group.len()));
        groups.iter().find_map(|group| picker.send(group, &goal, why))
    })
}

/// How many runs of level 0 have a table that no job has.
pub(super) fn free_runs(view: &dyn TreeView) -> u32 {
    let level0 = view.runs().iter().take_while(|run| run.level() == 0);
    let free = level0.filter(|run| run.tables().iter().any(|table| !view.is_busy(table.id)));
    u32::try_from(free.count()).unwrap_or(u32::MAX)
}

/// The groups by rising keys, less those of which a job has a part.
pub(crate) fn groups(view: &dyn TreeView) -> Vec<Group> {
    let level0 = view.runs().iter().take_while(|run| run.level() == 0);
    let mut tables: Vec<_> = level0.flat_map(|run| run.tables()).collect();
    tables.sort_by(|a, b| a.span.first.cmp(&b.span.first));
    let mut groups: Vec<Group> = Vec::new();
    let mut end: &[u8] = &[];
    for table in tables {
        match groups.last_mut() {
            Some(group) if table.span.first.as_slice() <= end => group.push(Arc::clone(table)),
            _ => groups.push(vec![Arc::clone(table)]),
        }
        end = end.max(table.span.last.as_slice());
    }
    groups.retain(|group| group.iter().all(|table| !view.is_busy(table.id)));
    groups
}

/// Moves every group of one table that can be moved.
fn move_all(picker: &Picker<'_>, groups: &[Group], goal: &Goal<'_>, why: Why) -> Option<Action> {
    let mut inputs = Vec::new();
    for group in groups {
        let [table] = group.as_slice() else { continue };
        let alone = picker.moves(table, goal).then(|| picker.send(group, goal, why));
        inputs.extend(alone.flatten().map(|_| table.id));
    }
    (!inputs.is_empty()).then(|| goal.shift(inputs, why))
}
