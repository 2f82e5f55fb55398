//! Which of n sorted runs goes next: a tree of losers (Knuth, The Art of Computer Programming,
//! volume 3, section 5.4.1).
//!
//! 1. Each run is a leaf. Each inner node keeps the *loser* of the match between the winners of
//!    its two subtrees; node 0 keeps the winner of all.
//! 2. When the winner's run has moved, its new head climbs from its leaf to the root and plays
//!    the loser of each node on the way: ⌈log2 n⌉ matches, and none beside the path.
//! 3. A match is decided by heads of eight bytes, which lie in the nodes themselves; only equal
//!    heads are decided by the runs' keys.
//!
//! Always: the children of node `i` are `2i` and `2i + 1`, and run `r` is the leaf `n + r`; this
//! holds for every n, also one that is no power of two.

/// A run in the tree, with the head of its current key.
#[derive(Clone, Copy, Debug)]
struct Entrant {
    head: u64,
    run: usize,
}

/// A tournament between runs; the smaller head wins.
#[derive(Debug, Default)]
pub(crate) struct LoserTree {
    /// Node 0 is the winner, the others are losers.
    nodes: Vec<Entrant>,
    /// Who won at each node while the tree is being built; kept for its allocation.
    winners: Vec<Entrant>,
}

impl LoserTree {
    /// Plays all matches anew, between `runs` runs.
    ///
    /// `head` is a run's head. `goes_first(a, b)` decides between equal heads: whether run `a`
    /// comes before run `b`. It must be a strict order.
    pub(crate) fn build(
        &mut self,
        runs: usize,
        head: impl Fn(usize) -> u64,
        goes_first: impl Fn(usize, usize) -> bool,
    ) {
        let leaves = (0..runs).map(|run| Entrant { head: head(run), run });
        self.winners.clear();
        self.winners.resize(runs, Entrant { head: 0, run: 0 });
        self.winners.extend(leaves);
        self.nodes.clear();
        self.nodes.resize(runs, Entrant { head: 0, run: 0 });
        for node in (1..runs).rev() {
            let (left, right) = (self.winners[2 * node], self.winners[2 * node + 1]);
            let (winner, loser) =
                if wins(right, left, &goes_first) { (right, left) } else { (left, right) };
            self.winners[node] = winner;
            self.nodes[node] = loser;
        }
        if let Some(root) = self.nodes.first_mut() {
            // With a single run the leaf itself is node 1.
            *root = self.winners[1];
        }
    }

    /// The run that goes next; meaningless before the first [`build`](Self::build) or without
    /// runs.
    #[inline]
    pub(crate) fn winner(&self) -> usize {
        self.nodes.first().map_or(0, |winner| winner.run)
    }

    /// Plays the winner's path again, after its run moved on and has a new `head`.
    #[inline]
    pub(crate) fn replay(&mut self, head: u64, goes_first: impl Fn(usize, usize) -> bool) {
        let mut rising = Entrant { head, run: self.winner() };
        let mut node = usize::midpoint(self.nodes.len(), rising.run);
        while node > 0 {
            let loser = &mut self.nodes[node];
            if wins(*loser, rising, &goes_first) {
                std::mem::swap(loser, &mut rising);
            }
            node /= 2;
        }
        if let Some(root) = self.nodes.first_mut() {
            *root = rising;
        }
    }
}

#[inline]
fn wins(a: Entrant, b: Entrant, goes_first: &impl Fn(usize, usize) -> bool) -> bool {
    a.head < b.head || (a.head == b.head && goes_first(a.run, b.run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Merges lists of numbers; `head` says how much of a number its head tells.
    fn merge(lists: &[Vec<u64>], head: fn(u64) -> u64) -> (Vec<u64>, usize) {
        let at: Vec<Cell<usize>> = lists.iter().map(|_| Cell::new(0)).collect();
        let current = |run: usize| lists[run].get(at[run].get()).copied().unwrap_or(u64::MAX);
        let matches = Cell::new(0);
        let first = |a: usize, b: usize| {
            matches.set(matches.get() + 1);
            (current(a), a) < (current(b), b)
        };
        let mut tree = LoserTree::default();
        tree.build(lists.len(), |run| head(current(run)), first);
        let mut merged = Vec::new();
        let mut matches_max = 0;
        while current(tree.winner()) != u64::MAX {
            let run = tree.winner();
            merged.push(current(run));
            at[run].set(at[run].get() + 1);
            matches.set(0);
            tree.replay(head(current(run)), first);
            matches_max = matches_max.max(matches.get());
        }
        (merged, matches_max)
    }

    #[test]
    fn any_number_of_runs_comes_out_in_order() {
        for runs in 1..20u64 {
            let lists: Vec<Vec<u64>> = (0..runs)
                .map(|run| (0..50).map(|i| i * (run % 5 + 1) * 7 + run).collect())
                .collect();
            let mut sorted: Vec<u64> = lists.concat();
            sorted.sort_unstable();
            assert_eq!(merge(&lists, |number| number).0, sorted, "{runs} runs, full heads");
            assert_eq!(merge(&lists, |number| number >> 6).0, sorted, "{runs} runs, coarse heads");
        }
    }

    #[test]
    fn a_step_plays_one_path() {
        for runs in 1..40u32 {
            let lists: Vec<Vec<u64>> = (0..u64::from(runs)).map(|run| vec![run, run + 9]).collect();
            let (_, matches_max) = merge(&lists, |_| 0);
            let path = runs.next_power_of_two().ilog2() as usize;
            assert!(matches_max <= path, "{runs} runs: {matches_max} matches, path {path}");
        }
    }
}
