//! A service's own folder.

use std::path::{Path, PathBuf};
use std::thread;

/// Removed when dropped, in the background: a thousand files may take seconds, and nobody needs to wait.
/// What is left when this process ends, the keeper removes.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        drop(thread::Builder::new().spawn(move || drop(std::fs::remove_dir_all(path))));
    }
}
