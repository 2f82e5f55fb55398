//! The tree of [`MemVfs`](super::MemVfs): directories by path, the files in them, and the count of
//! operations.

use super::directory::{Directory, NameChange, Names, Node};
use super::inode::{Content, Inode};
use crate::{DirEntry, FileKind, Metadata};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// All of a file system.
///
/// Always: a directory's path is a key of `dirs` exactly if its name stands for `Node::Dir` in the
/// directory above; the root, whose path is empty, is there.
pub(super) struct State {
    pub(super) dirs: BTreeMap<PathBuf, Directory>,
    pub(super) inodes_made: u64,
    pub(super) operations: u64,
    /// No operation works once this many did.
    pub(super) operations_max: u64,
    pub(super) boot_id: u128,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            dirs: BTreeMap::from([(PathBuf::new(), Directory::default())]),
            inodes_made: 0,
            operations: 0,
            operations_max: u64::MAX,
            boot_id: 1,
        }
    }

    /// Counts a mutating operation; fails if it shall not happen any more.
    pub(super) fn begin_operation(&mut self) -> io::Result<()> {
        if self.operations >= self.operations_max {
            return Err(io::Error::other("the file system was cut off"));
        }
        self.operations += 1;
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        let mut path = PathBuf::new();
        for name in &*normal(dir)? {
            let above = self.dir(&path)?;
            match above.names().get(name) {
                Some(Node::Dir) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    self.dir_mut(&path)?.set_durable(name.into(), &Node::Dir);
                    self.dirs.insert(path.join(name), Directory::default());
                }
            }
            path.push(name);
        }
        Ok(())
    }

    /// Makes a file with a new name.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<Arc<Inode>> {
        let normal = normal(path)?;
        let place = Place::of(&normal)?;
        if self.dir(place.dir)?.names().contains_key(place.name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.new_inode();
        let set = Some((place.name.into(), Node::File(Arc::clone(&inode))));
        self.dir_mut(place.dir)?.change(NameChange { removed: None, set });
        Ok(inode)
    }

    /// The file `path`.
    pub(super) fn file(&self, path: &Path) -> io::Result<Arc<Inode>> {
        let normal = normal(path)?;
        if self.dirs.contains_key(&*normal) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let place = Place::of(&normal)?;
        match self.dir(place.dir)?.names().get(place.name) {
            Some(Node::File(inode)) => Ok(Arc::clone(inode)),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The file `path`, created if nothing has the name.
    pub(super) fn file_or_new(&mut self, path: &Path) -> io::Result<Arc<Inode>> {
        match self.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(path),
            found => found,
        }
    }

    /// The file `path`, created with a durable name if nothing has the name.
    pub(super) fn file_or_durable_new(&mut self, path: &Path) -> io::Result<Arc<Inode>> {
        match self.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let normal = normal(path)?;
        let place = Place::of(&normal)?;
        self.dir(place.dir)?;
        let inode = self.new_inode();
        let node = Node::File(Arc::clone(&inode));
        self.dir_mut(place.dir)?.set_durable(place.name.into(), &node);
        Ok(inode)
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        if self.dirs.contains_key(&*normal(path)?) {
            return Ok(Metadata { kind: FileKind::Dir, bytes: 0 });
        }
        let inode = self.file(path)?;
        Ok(Node::File(inode).metadata())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let names: &Names = self.dir(&normal(dir)?)?.names();
        let entry = |(name, node): (&Arc<OsStr>, &Node)| DirEntry {
            name: (**name).to_owned(),
            metadata: node.metadata(),
        };
        Ok(names.iter().map(entry).collect())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        let (from, to) = (normal(from)?, normal(to)?);
        let (from, to) = (Place::of(&from)?, Place::of(&to)?);
        match self.dir(to.dir)?.names().get(to.name) {
            Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            // Two names of one file: POSIX leaves both.
            Some(Node::File(target)) if target.number == inode.number => return Ok(()),
            _ => {}
        }
        let removed = Some(from.name.into());
        let set = Some((to.name.into(), Node::File(inode)));
        if from.dir == to.dir {
            self.dir_mut(to.dir)?.change(NameChange { removed, set });
            return Ok(());
        }
        // Over two directories it is one change in each, which a crash may part.
        self.dir_mut(to.dir)?.change(NameChange { removed: None, set });
        self.dir_mut(from.dir)?.change(NameChange { removed, set: None });
        Ok(())
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let normal = normal(path)?;
        let place = Place::of(&normal)?;
        let change = NameChange { removed: Some(place.name.into()), set: None };
        self.dir_mut(place.dir)?.change(change);
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.dir_mut(&normal(dir)?)?.sync();
        Ok(())
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        let to = normal(to)?;
        let to = Place::of(&to)?;
        if self.dir(to.dir)?.names().contains_key(to.name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let set = Some((to.name.into(), Node::File(inode)));
        self.dir_mut(to.dir)?.change(NameChange { removed: None, set });
        Ok(())
    }

    /// Takes the name of a file away, durable at once.
    pub(super) fn forget(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let normal = normal(path)?;
        let place = Place::of(&normal)?;
        self.dir_mut(place.dir)?.forget(place.name);
        Ok(())
    }

    fn new_inode(&mut self) -> Arc<Inode> {
        self.inodes_made += 1;
        Arc::new(Inode::new(self.inodes_made, Content::default()))
    }

    fn dir(&self, dir: &Path) -> io::Result<&Directory> {
        self.dirs.get(dir).ok_or_else(|| self.no_dir(dir))
    }

    fn dir_mut(&mut self, dir: &Path) -> io::Result<&mut Directory> {
        if !self.dirs.contains_key(dir) {
            return Err(self.no_dir(dir));
        }
        self.dirs.get_mut(dir).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Why `dir` is no directory: nothing is there, or a file is, or above it.
    fn no_dir(&self, dir: &Path) -> io::Error {
        let is_file = |path: &Path| {
            let Ok(place) = Place::of(path) else { return false };
            let above = self.dirs.get(place.dir);
            above.is_some_and(|above| matches!(above.names().get(place.name), Some(Node::File(_))))
        };
        if dir.ancestors().any(is_file) {
            return io::ErrorKind::NotADirectory.into();
        }
        io::ErrorKind::NotFound.into()
    }
}

impl Node {
    fn metadata(&self) -> Metadata {
        match self {
            Self::Dir => Metadata { kind: FileKind::Dir, bytes: 0 },
            Self::File(inode) => {
                let bytes = inode.content.lock().bytes.len() as u64;
                Metadata { kind: FileKind::File, bytes }
            }
        }
    }
}

/// A normal path taken apart.
struct Place<'a> {
    dir: &'a Path,
    name: &'a OsStr,
}

impl<'a> Place<'a> {
    fn of(normal: &'a Path) -> io::Result<Self> {
        match (normal.parent(), normal.file_name()) {
            (Some(dir), Some(name)) => Ok(Self { dir, name }),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}

/// `path` from the root, without the root's own sign and dots; mostly a part of it as it is.
fn normal(path: &Path) -> io::Result<Cow<'_, Path>> {
    let mut rest = path.components();
    if rest.clone().next() == Some(Component::RootDir) {
        rest.next();
    }
    let rest = rest.as_path();
    let mut bytes = 0;
    for component in rest.components() {
        match component {
            Component::Normal(name) => bytes += name.len() + 1,
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path with .. in it"));
            }
        }
    }
    if bytes == rest.as_os_str().len() + 1 {
        return Ok(Cow::Borrowed(rest));
    }
    let names = rest.components().filter(|part| matches!(part, Component::Normal(_)));
    Ok(Cow::Owned(names.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_however_they_are_written() {
        for path in ["/a/b c/d", "a/b c/d", "//a/b c/d", "/./a/b c/d", "a/./b c//d/", "./a/b c/d/."]
        {
            assert_eq!(normal(Path::new(path)).unwrap(), Path::new("a/b c/d"), "{path}");
        }
        for path in ["", "/", ".", "//", "./.", "/./"] {
            assert_eq!(normal(Path::new(path)).unwrap().as_os_str(), "", "{path}");
        }
        for path in ["..", "/..", "a/..", "a/../b", "./..", "/a/b/.."] {
            assert!(normal(Path::new(path)).is_err(), "{path}");
        }
        let borrowed = normal(Path::new("/a/b")).unwrap();
        assert!(matches!(borrowed, Cow::Borrowed(_)), "the usual path is not copied");
    }
}
