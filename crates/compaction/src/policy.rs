//! What a compaction policy is: it looks at a tree and says what to do.
//!
//! Always: pure. What a policy asks for follows from the view and its own memory, which the
//! manifest keeps; time and lots come from the view. It does no I/O, and it is never trusted:
//! each action is checked before it runs.

use crate::{Action, Error, TreeView};
use std::fmt::Debug;

/// Decides what is merged into what.
pub trait CompactionPolicy: Debug + Send {
    /// Its name; the manifest keeps it, with the state that belongs to it.
    fn name(&self) -> &'static str;

    /// Appends what to do now, most urgent first; nothing if the tree is as it shall be.
    ///
    /// Each action must be legal for this view by itself. After some of them were started, or a
    /// job ended, it is asked again with a new view, until nothing is left to start. Any legal
    /// tree must be accepted, also one that another policy left behind. An action that makes a new
    /// run in level 0 is not started while a memtable of the tree is flushed.
    fn pick(&mut self, view: &dyn TreeView, out: &mut Vec<Action>);

    /// How far the tree is from what it shall be, for pacing writers.
    fn pressure(&self, view: &dyn TreeView) -> Pressure;

    /// What it must remember over a restart; nothing if it is empty.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes what [`save`](Self::save) gave, of this or an earlier build; never something empty.
    ///
    /// # Errors
    ///
    /// [`Error::PolicyState`] if the bytes are nothing of its own; then nothing has changed, and
    /// the policy works without.
    fn load(&mut self, state: &[u8]) -> Result<(), Error> {
        let _ = state;
        Ok(())
    }
}

/// Builds a policy anew for each tree. A policy that can be cloned is one.
pub trait PolicyFactory: Debug + Send + Sync {
    /// A policy of its own for one tree.
    fn fresh(&self) -> Box<dyn CompactionPolicy>;
}

impl<P: CompactionPolicy + Clone + Sync + 'static> PolicyFactory for P {
    fn fresh(&self) -> Box<dyn CompactionPolicy> {
        Box::new(self.clone())
    }
}

/// How far behind compaction is, and how far it may be. Writers are slowed near the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// Bytes that must be rewritten before the tree is as it shall be.
    pub debt_bytes: u64,
    /// Debt at which the tree is in trouble.
    pub debt_limit_bytes: u64,
    /// Most runs that a read may have to look at.
    pub depth: u32,
    /// Depth at which the tree is in trouble.
    pub depth_limit: u32,
}
