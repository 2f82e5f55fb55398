//! Makes a failing case small: fewer ops, then simpler ones, then simpler options.
//!
//! 1. Options are made simple, workers first, and everything behind the op that failed goes.
//! 2. Delta debugging (Zeller 1999): chunks of the list are taken away, half of it first, then
//!    smaller and smaller ones; what still fails is kept.
//! 3. Each keyspace, op and option, each key and value wherever they occur, is tried in a simpler
//!    form.
//! 4. Again from 2, until nothing changes or the attempts are used up.
//!
//! The result fails, though it may fail in another way than what it was made from.

use crate::config::{Config, NAMED, Policy};
use crate::op::{Op, SPACES};
use crate::replay::{Case, Failure};
use crate::simpler;
use crate::value::{Key, Val};

/// Runs a case.
pub(crate) type Run<'a> = &'a mut dyn FnMut(&Case) -> Result<(), Failure>;

pub(crate) struct Shrinker<'a> {
    run: Run<'a>,
    attempts_left: u32,
    case: Case,
    failure: Failure,
}

/// The smallest case that was found within so many attempts, and how it fails.
///
/// `case` is one that failed with `failure`.
pub(crate) fn shrink(case: &Case, failure: Failure, attempts: u32, run: Run) -> (Case, Failure) {
    let configs = failure.configs.clone();
    let case = Case { configs, ops: case.ops.clone() };
    let mut shrinker = Shrinker { run, attempts_left: attempts, case, failure };
    // Without workers each run is like the last one, so that comes first.
    shrinker.simplify_configs();
    shrinker.truncate();
    loop {
        let removed = shrinker.remove_chunks();
        let simplified = shrinker.simplify();
        if !(removed || simplified) || shrinker.attempts_left == 0 {
            return (shrinker.case, shrinker.failure);
        }
    }
}

impl Shrinker<'_> {
    /// Whether `case` fails too; then it is the one to go on with.
    fn take(&mut self, case: Case) -> bool {
        if self.attempts_left == 0 {
            return false;
        }
        self.attempts_left -= 1;
        let Err(failure) = (self.run)(&case) else { return false };
        self.case = case;
        self.failure = failure;
        true
    }

    fn take_ops(&mut self, ops: Vec<Op>) -> bool {
        self.take(Case { configs: self.case.configs.clone(), ops })
    }

    /// Drops what comes behind the failure.
    fn truncate(&mut self) {
        let end = (self.failure.at + 1).min(self.case.ops.len());
        if end < self.case.ops.len() {
            self.take_ops(self.case.ops[..end].to_vec());
        }
    }

    fn remove_chunks(&mut self) -> bool {
        let before = self.case.ops.len();
        let mut size = before.div_ceil(2);
        while size > 0 && self.attempts_left > 0 {
            let removed = self.remove_chunks_of(size);
            // Once more with ops one by one, as long as that removes something.
            size = if size == 1 && removed { 1 } else { size / 2 };
        }
        self.case.ops.len() < before
    }

    /// Takes chunks of one size away, from the end on, where the failure is near.
    fn remove_chunks_of(&mut self, size: usize) -> bool {
        let mut removed = false;
        let mut end = self.case.ops.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let ops = &self.case.ops;
            let rest = [&ops[..start], &ops[end.min(ops.len())..]].concat();
            if self.take_ops(rest) {
                removed = true;
                self.truncate();
            }
            end = start.min(self.case.ops.len());
        }
        removed
    }

    fn simplify(&mut self) -> bool {
        let spaces = self.simplify_spaces();
        let ops = self.simplify_ops();
        let keys = self.simplify_keys();
        let values = self.simplify_values();
        let configs = self.simplify_configs();
        spaces || ops || keys || values || configs
    }

    fn simplify_ops(&mut self) -> bool {
        let mut changed = false;
        let mut index = 0;
        while index < self.case.ops.len() {
            let forms = simpler::forms(&self.case.ops[index]);
            let taken = forms.into_iter().any(|form| {
                let mut ops = self.case.ops.clone();
                ops[index] = form;
                self.take_ops(ops)
            });
            changed |= taken;
            // The same op again if it became simpler; it may become simpler still.
            index += usize::from(!taken);
        }
        changed
    }

    /// Moves what happens in one keyspace to the one that is always there.
    fn simplify_spaces(&mut self) -> bool {
        let mut changed = false;
        for old in 1..u8::try_from(SPACES).unwrap() {
            let mut ops = self.case.ops.clone();
            let mut moved = false;
            for op in &mut ops {
                simpler::spaces_of(op, &mut |space| {
                    moved |= *space == old;
                    *space = if *space == old { 0 } else { *space };
                });
            }
            changed |= moved && self.take_ops(ops);
        }
        changed
    }

    /// Gives each key, wherever it occurs, a plain name.
    fn simplify_keys(&mut self) -> bool {
        let mut keys: Vec<Key> = Vec::new();
        for op in &mut self.case.ops.clone() {
            simpler::keys_of(op, &mut |key| keys.push(*key));
        }
        keys.sort_unstable();
        keys.dedup();
        let mut changed = false;
        for (number, old) in (0u16..).zip(keys) {
            let new = Key::Word(1, number);
            if matches!(old, Key::Word(1, _)) {
                continue;
            }
            let mut ops = self.case.ops.clone();
            let rename = &mut |key: &mut Key| *key = if *key == old { new } else { *key };
            for op in &mut ops {
                simpler::keys_of(op, rename);
            }
            changed |= self.take_ops(ops);
        }
        changed
    }

    fn simplify_values(&mut self) -> bool {
        let mut values: Vec<Val> = Vec::new();
        for op in &mut self.case.ops.clone() {
            simpler::values_of(op, &mut |value| values.push(*value));
        }
        let mut changed = false;
        for (tag, old) in (0u32..).zip(values) {
            for bytes in [1, 8, 100, old.len() / 2] {
                let new = Val::Tagged(bytes, tag);
                if bytes >= old.len() {
                    continue;
                }
                let mut ops = self.case.ops.clone();
                let shorten =
                    &mut |value: &mut Val| *value = if *value == old { new } else { *value };
                for op in &mut ops {
                    simpler::values_of(op, shorten);
                }
                if self.take_ops(ops) {
                    changed = true;
                    break;
                }
            }
        }
        changed
    }

    fn simplify_configs(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.case.configs.len() {
            for form in simpler_configs(&self.case.configs[index]) {
                let mut case = self.case.clone();
                case.configs[index] = form(case.configs[index]);
                changed |= self.take(case);
            }
        }
        changed
    }
}

type Simplify = fn(Config) -> Config;

/// Changes of `config` that make something plain that is not.
fn simpler_configs(config: &Config) -> Vec<Simplify> {
    let all: [(bool, Simplify); 8] = [
        (config.threads > 0, |config| Config { threads: 0, ..config }),
        (config.snap, |config| Config { snap: false, ..config }),
        (!config.mapped, |config| Config { mapped: true, ..config }),
        (config.filter_bits != 10, |config| Config { filter_bits: 10, ..config }),
        (config.sync_writes, |config| Config { sync_writes: false, ..config }),
        (config.memory_budget != NAMED[1].memory_budget, |config| Config {
            memory_budget: NAMED[1].memory_budget.max(4 * config.memtable_bytes),
            ..config
        }),
        (config.block_bytes != 4096, |config| Config { block_bytes: 4096, ..config }),
        (!matches!(config.policy, Policy::DefaultLevels), |config| Config {
            policy: Policy::DefaultLevels,
            ..config
        }),
    ];
    all.into_iter().filter(|(is_odd, _)| *is_odd).map(|(_, form)| form).collect()
}
