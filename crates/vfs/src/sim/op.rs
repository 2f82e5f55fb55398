//! The kinds of calls that a fault can meet.

use std::fmt;

macro_rules! ops {
    ($($(#[$doc:meta])* $op:ident,)*) => {
        /// One kind of call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Op {
            $($(#[$doc])* $op,)*
        }

        impl Op {
            const ALL: &[Self] = &[$(Self::$op),*];
            pub(super) const COUNT: usize = Self::ALL.len();
        }
    };
}

ops! {
    /// [`Vfs::create_dir_all`](crate::Vfs::create_dir_all).
    CreateDir,
    /// [`Vfs::create_new`](crate::Vfs::create_new) and `create_window`.
    Create,
    /// [`Vfs::open_read`](crate::Vfs::open_read).
    Open,
    /// [`Vfs::metadata`](crate::Vfs::metadata), `free_bytes`, and the length of an open file.
    Metadata,
    /// [`Vfs::list`](crate::Vfs::list).
    List,
    /// [`Vfs::rename`](crate::Vfs::rename).
    Rename,
    /// [`Vfs::unlink`](crate::Vfs::unlink).
    Unlink,
    /// [`Vfs::link_or_copy`](crate::Vfs::link_or_copy).
    Link,
    /// [`Vfs::sync_dir`](crate::Vfs::sync_dir).
    SyncDir,
    /// [`Vfs::lock`](crate::Vfs::lock) and `is_locked`.
    Lock,
    /// [`AppendFile::append`](crate::AppendFile::append).
    Append,
    /// [`LogWindow::write_at`](crate::LogWindow::write_at).
    Write,
    /// [`LogWindow::allocate`](crate::LogWindow::allocate).
    Allocate,
    /// The sync of a file, by a handle or by name.
    Sync,
    /// [`ReadFile::read_at`](crate::ReadFile::read_at) and `read_exact_at`.
    Read,
}

/// A set of kinds of calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ops(u32);

impl Ops {
    /// Every call.
    pub const ALL: Self = Self::of(Op::ALL);
    /// The calls that put bytes into files.
    pub const WRITES: Self = Self::of(&[Op::Append, Op::Write, Op::Allocate]);
    /// The calls that change something, syncs included.
    pub const CHANGES: Self = Self::of(&[
        Op::CreateDir,
        Op::Create,
        Op::Rename,
        Op::Unlink,
        Op::Link,
        Op::SyncDir,
        Op::Append,
        Op::Write,
        Op::Allocate,
        Op::Sync,
    ]);

    /// The set of these.
    pub const fn of(ops: &[Op]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < ops.len() {
            bits |= 1 << ops[index] as u32;
            index += 1;
        }
        Self(bits)
    }

    /// Whether `op` is one of them.
    pub const fn contains(self, op: Op) -> bool {
        self.0 & (1 << op as u32) != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Op> {
        Op::ALL.iter().copied().filter(move |op| self.contains(*op))
    }
}

impl From<Op> for Ops {
    fn from(op: Op) -> Self {
        Self::of(&[op])
    }
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
