//! What a program may do with a database, as plain data: a list of these is a whole test.
//!
//! Always: an op means the same whatever came before, so that a list stays a list when some of it
//! is taken away. What asks for something that is not there is skipped, by database and oracle
//! alike. The `Debug` form of every type here is Rust source that makes it again.

use crate::value::{Key, Range, Val};
use std::fmt;

/// How many keyspaces a list knows; 0 is `default`.
pub(crate) const SPACES: usize = 4;
/// How many cursors, scans, snapshots, values and read-only openings are held at once, each.
pub(crate) const SLOTS: usize = 3;

/// One thing that a program does. `space` is a keyspace, `slot` a place where something is held,
/// `salt` draws other options from those in use.
#[rustfmt::skip]
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Put { space: u8, key: Key, value: Val },
    Delete { space: u8, key: Key },
    Batch { writes: List<Write>, sync: bool },
    /// Puts of neighbouring keys, one by one.
    Fill { space: u8, first: u16, count: u16, bytes: u32 },
    /// A key that is too long, in a batch with one that is not.
    PutOverLimit { space: u8 },
    /// A batch with a handle of another database.
    WriteForeign { space: u8 },

    Get { space: u8, key: Key },
    Contains { space: u8, key: Key },
    Explain { space: u8, key: Key },
    Scan { space: u8, range: Range, way: Way },
    ScanPrefix { space: u8, prefix: Key, way: Way },
    Keys { space: u8, range: Range, way: Way },
    Size { space: u8, range: Range },

    NewCursor { slot: u8, space: u8 },
    SeekFirst { slot: u8 },
    SeekLast { slot: u8 },
    Seek { slot: u8, key: Key },
    SeekForPrev { slot: u8, key: Key },
    Next { slot: u8, times: u8 },
    Prev { slot: u8, times: u8 },
    DropCursor { slot: u8 },

    NewScan { slot: u8, space: u8, range: Range },
    TakeFront { slot: u8, times: u8 },
    TakeBack { slot: u8, times: u8 },
    DropScan { slot: u8 },

    TakeSnapshot { slot: u8 },
    CloneSnapshot { from: u8, to: u8 },
    SnapshotGet { slot: u8, space: u8, key: Key },
    SnapshotScan { slot: u8, space: u8, range: Range, way: Way },
    SnapshotPrefix { slot: u8, space: u8, prefix: Key, way: Way },
    SnapshotKeys { slot: u8, space: u8, range: Range, way: Way },
    SnapshotCursor { slot: u8, snapshot: u8, space: u8 },
    DropSnapshot { slot: u8 },

    HoldValue { slot: u8, space: u8, key: Key },
    LookAtValue { slot: u8 },

    Sync,
    FlushAll,
    Flush { space: u8 },
    Compact { space: u8, range: Range },

    /// Makes a copy, opens it with other options, writes to it and throws it away.
    Checkpoint { salt: u8 },
    OpenReadOnly { slot: u8, salt: u8 },
    AskReadOnly { slot: u8 },
    DropReadOnly { slot: u8 },
    /// A second opening for writing.
    OpenTwice,

    Create { space: u8 },
    DropSpace { space: u8 },
    /// Drops and creates; the old handle must stay useless.
    Recreate { space: u8 },
    FindSpace { space: u8 },
    ListSpaces,

    /// Ends by `close`, or by letting every handle go, and opens again.
    Reopen { close: bool },
    /// As `Reopen`, with other options from then on.
    ReopenAs { salt: u8 },
    /// Closes, uses every handle, and opens again.
    UseClosed,
    /// The process dies, and another one opens.
    Die,
    /// The power fails; if `synced`, right after a `sync`.
    PowerCut { keep: Keep, seed: u32, synced: bool },
    /// The power fails, and once more when the opening has made some operations on files.
    CutRecovery { operations: u16, keep: Keep, seed: u32, synced: bool },

    CheckAll,
    Verify,
    Metrics,
    Tree,
}

/// One op of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    Set(u8, Key, Val),
    Unset(u8, Key),
}

/// From which end a scan is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Forward,
    Backward,
    /// From both, in turns that follow from the number.
    Mixed(u32),
}

/// How much of what was not synced survives a power cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    Nothing,
    /// By this policy of the simulated disk.
    Part(u8),
    Everything,
}

/// A `Vec` whose `Debug` form can be compiled.
#[derive(Clone)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// The list of `items`.
pub(crate) fn list<T>(items: impl Into<Vec<T>>) -> List<T> {
    List(items.into())
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list({:?})", self.0)
    }
}

impl Op {
    /// The name of its kind.
    pub(crate) fn kind(&self) -> String {
        let text = format!("{self:?}");
        text.split([' ', '(']).next().unwrap().to_owned()
    }

    /// Whether it may lose what was not synced, so that what follows depends on the options.
    pub(crate) const fn may_lose(&self) -> bool {
        matches!(
            self,
            Self::PowerCut { synced: false, .. } | Self::CutRecovery { synced: false, .. }
        )
    }
}

/// The puts of [`Op::Fill`].
pub(crate) fn fill(space: u8, first: u16, count: u16, bytes: u32) -> impl Iterator<Item = Write> {
    (first..first + count).map(move |number| {
        Write::Set(space, Key::Word(1, number), Val::Tagged(bytes, u32::from(number)))
    })
}
