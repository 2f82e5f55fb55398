//! Which keys of a job may have older versions outside it.
//!
//! Always: keys are asked about in rising order, so that one position per run is enough and a
//! whole job passes over each table once.

use crate::retention::BottomRule;
use crate::{TableMeta, Version};
use siltstone_base::KeySpan;
use siltstone_sstable::TableId;
use std::collections::HashSet;
use std::sync::Arc;

/// The tables that may hold older versions of what a job writes and are not among its inputs.
#[derive(Debug, Default)]
pub struct OlderTables {
    runs: Vec<OlderRun>,
}

#[derive(Debug)]
struct OlderRun {
    spans: Vec<KeySpan>,
    /// The first span that does not end before the last key asked about.
    at: usize,
}

impl OlderTables {
    /// From the spans of the tables of each older run.
    ///
    /// # Panics
    ///
    /// If the spans of a run are not sorted, or share a key.
    pub fn new(runs: Vec<Vec<KeySpan>>) -> Self {
        for run in &runs {
            let apart = run.is_sorted_by(|a, b| a.last < b.first);
            assert!(apart, "the tables of a run are sorted and disjoint");
        }
        let runs = runs.into_iter().filter(|spans| !spans.is_empty());
        Self { runs: runs.map(|spans| OlderRun { spans, at: 0 }).collect() }
    }

    /// Those for a merge of `inputs`: the tables in runs older than the newest input that overlap
    /// the inputs and are none of them.
    ///
    /// Older than the *newest* input is careful: a table between two inputs is older than only
    /// one of them. A legal merge has no such table over a key of its own, so nothing is lost.
    pub fn of_merge(version: &Version, inputs: &[TableId]) -> Self {
        let inputs: HashSet<TableId> = inputs.iter().copied().collect();
        let is_input = |table: &Arc<TableMeta>| inputs.contains(&table.id);
        let spans = version.tables().filter(|table| is_input(table)).map(|table| &table.span);
        let span = spans.fold(None, |all: Option<KeySpan>, span| {
            Some(all.map_or_else(|| span.clone(), |all| all.union(span)))
        });
        let Some(span) = span else { return Self::default() };
        let mut runs = version.runs().iter();
        let _newest = runs.find(|run| run.tables().iter().any(is_input));
        let older = runs.map(|run| {
            let tables = run.overlap(&span).iter().filter(|table| !is_input(table));
            tables.map(|table| table.span.clone()).collect()
        });
        Self::new(older.collect())
    }
}

impl BottomRule for OlderTables {
    fn is_bottom(&mut self, key: &[u8]) -> bool {
        !self.runs.iter_mut().any(|run| run.covers(key))
    }
}

impl OlderRun {
    fn covers(&mut self, key: &[u8]) -> bool {
        let ahead = self.spans[self.at..].iter();
        self.at += ahead.take_while(|span| span.last.as_slice() < key).count();
        self.spans.get(self.at).is_some_and(|span| span.first.as_slice() <= key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture;
    use proptest::prelude::*;

    fn answers(mut older: OlderTables, keys: &str) -> String {
        let answer = |key: char| older.is_bottom(key.to_string().as_bytes());
        keys.chars().map(answer).map(|bottom| if bottom { '.' } else { '#' }).collect()
    }

    /// Shows for each letter of `keys` whether it is the bottom (`.`) or not (`#`), for a merge
    /// of tables with these numbers.
    fn check(picture: &[&str], inputs: &[u64], keys: &str, expected: &str) {
        let version = picture::version(picture);
        let inputs: Vec<TableId> = inputs.iter().map(|&number| picture::id(number)).collect();
        let older = OlderTables::of_merge(&version, &inputs);
        assert_eq!(answers(older, keys), expected, "{picture:?} {inputs:?}");
    }

    #[test]
    fn only_what_an_older_table_covers_is_not_bottom() {
        let tree = ["9[a-z]", "7[b-d] 8[m-m]", "4[c-f] 5[k-n] 6[x-y]"];
        check(&tree, &[9], "abcddefgjkmnowxyz", ".######..###..##.");
    }

    #[test]
    fn inputs_and_newer_tables_do_not_count() {
        let tree = ["9[a-z] 8[a-m]", "5[b-d] 6[m-n]", "2[a-h] 3[k-n]"];
        check(&tree, &[5, 2], "bcd", "...");
        check(&tree, &[8, 5, 6, 3], "abhiklm", "###....");
        check(&tree, &[2, 3], "ahkn", "....");
        check(&tree, &[], "ahkn", "....");
    }

    #[test]
    fn a_table_between_two_inputs_counts() {
        check(&["9[a-c]", "5[b-b]", "2[a-c]"], &[9, 2], "abc", ".#.");
    }

    #[test]
    fn empty_keys_and_prefixes_are_told_apart() {
        let spans = vec![vec![KeySpan::new("", ""), KeySpan::new("a\0", "b")]];
        let mut older = OlderTables::new(spans);
        let bottom = ["", "\0", "a", "a\0", "b", "b\0"].map(|key| older.is_bottom(key.as_bytes()));
        assert_eq!(bottom, [false, true, true, false, false, true]);
    }

    proptest! {
        #[test]
        fn advancing_agrees_with_looking_at_all_spans(
            ends in prop::collection::vec(prop::collection::btree_set(0u8..60, 0..12), 0..4),
            keys in prop::collection::btree_set(0u8..64, 0..30),
        ) {
            let spans = |ends: &std::collections::BTreeSet<u8>| -> Vec<KeySpan> {
                let ends: Vec<u8> = ends.iter().copied().collect();
                ends.chunks(2).map(|ends| KeySpan::new([ends[0]], [ends[ends.len() - 1]])).collect()
            };
            let runs: Vec<Vec<KeySpan>> = ends.iter().map(spans).collect();
            let mut older = OlderTables::new(runs.clone());
            for key in keys {
                let covered = runs.iter().flatten().any(|span| span.contains(&[key]));
                prop_assert_eq!(older.is_bottom(&[key]), !covered, "key {}", key);
            }
        }
    }
}
