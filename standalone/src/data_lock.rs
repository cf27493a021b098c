//! One `postern` serves from a data directory at a time. A second one, with other public URLs, would take the resource of the first for one
//! that is not there any more, and end what was allowed for it. Commands need no lock: they act beside a running server.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The locked file. It stays when the process ends; its lock does not.
const LOCK_FILE: &str = "serving.lock";

/// The data directory is ours for as long as this lives.
#[derive(Debug)]
pub struct DataLock {
    _locked: File,
}

/// The data directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum DataLockError {
    /// Another process serves from it.
    #[error(
        "another postern serves from {}; stop it first, or give this one a directory of its own with --data-dir",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file cannot be made or locked.
    #[error("{} cannot be locked: {cause}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

impl DataLock {
    /// Locks a data directory, which must exist.
    ///
    /// # Errors
    /// [`DataLockError`].
    pub fn take(data_dir: &Path) -> Result<Self, DataLockError> {
        let path = data_dir.join(LOCK_FILE);
        let failed = |cause| DataLockError::Failed { path: path.clone(), cause };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _locked: file }),
            Err(TryLockError::WouldBlock) => Err(DataLockError::InUse(data_dir.to_owned())),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }
}
