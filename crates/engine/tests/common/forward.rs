//! What a file system for tests hands on unchanged to the one that it wraps.

/// The methods of [`siltstone::vfs::Vfs`] that neither create, rename nor remove a file, nor sync
/// a directory, for a type whose field `files` does them.
macro_rules! forward_to_files {
    () => {
        fn create_dir_all(&self, dir: &std::path::Path) -> std::io::Result<()> {
            self.files.create_dir_all(dir)
        }

        fn open_read(
            &self,
            path: &std::path::Path,
        ) -> std::io::Result<std::sync::Arc<dyn siltstone::vfs::ReadFile>> {
            self.files.open_read(path)
        }

        fn metadata(&self, path: &std::path::Path) -> std::io::Result<siltstone::vfs::Metadata> {
            self.files.metadata(path)
        }

        fn list(&self, dir: &std::path::Path) -> std::io::Result<Vec<siltstone::vfs::DirEntry>> {
            self.files.list(dir)
        }

        fn lock(
            &self,
            path: &std::path::Path,
            note: &str,
        ) -> Result<Box<dyn siltstone::vfs::LockGuard>, siltstone::vfs::LockError> {
            self.files.lock(path, note)
        }

        fn is_locked(&self, path: &std::path::Path) -> std::io::Result<bool> {
            self.files.is_locked(path)
        }

        fn sync_file(&self, path: &std::path::Path) -> std::io::Result<()> {
            self.files.sync_file(path)
        }

        fn link_or_copy(
            &self,
            from: &std::path::Path,
            to: &std::path::Path,
        ) -> std::io::Result<()> {
            self.files.link_or_copy(from, to)
        }

        fn free_bytes(&self, dir: &std::path::Path) -> std::io::Result<u64> {
            self.files.free_bytes(dir)
        }

        fn maps_are_safe(&self, dir: &std::path::Path) -> bool {
            self.files.maps_are_safe(dir)
        }

        fn boot_id(&self) -> u128 {
            self.files.boot_id()
        }
    };
}

pub(crate) use forward_to_files;
