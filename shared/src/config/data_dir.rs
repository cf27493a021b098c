//! The data directory: made for its owner alone, and found to be writable before anything relies on it.

use super::SharedSettings;
use crate::{
    db::DatabaseUrl,
    random::{Random, random_id},
};
use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// A data directory that cannot be made or written.
#[derive(Debug, thiserror::Error)]
#[error("the data directory {} cannot be used: {cause}", path.display())]
pub struct DataDirError {
    /// The directory.
    pub path: PathBuf,
    /// What the operating system said.
    pub cause: io::Error,
}

impl SharedSettings {
    /// Makes the data directory, readable by its owner alone, and finds out whether files can be written there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn make_data_dir(&self, random: &dyn Random) -> Result<(), DataDirError> {
        make(&self.data_dir, random).map_err(|cause| DataDirError { path: self.data_dir.clone(), cause })
    }

    /// A file in the data directory.
    pub fn data_file(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }

    /// The database at `url`; without a URL the one in that file of the data directory.
    pub fn database(&self, url: Option<&DatabaseUrl>, file: &str) -> DatabaseUrl {
        url.cloned().unwrap_or_else(|| DatabaseUrl::from_sqlite_file(self.data_file(file)))
    }
}

fn make(path: &Path, random: &dyn Random) -> io::Result<()> {
    if path.metadata().is_ok_and(|found| !found.is_dir()) {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is a file, not a directory"));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // A name of its own: instances that share the directory start at the same time, with the same process id in containers.
    let probe = path.join(format!(".write-probe-{}", random_id(random)));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe)?;
    std::fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{SharedSettings, Sources},
        random::SystemRandom,
    };
    use std::os::unix::fs::PermissionsExt as _;

    fn settings(data_dir: &std::path::Path) -> SharedSettings {
        let sources = Sources::new().with_flag("shared", "data_dir", "--data-dir", data_dir.display().to_string());
        sources.load::<SharedSettings>().unwrap()
    }

    #[test]
    fn the_directory_is_its_owners_alone_and_left_empty() {
        let parent = tempfile::tempdir().unwrap();
        let settings = settings(&parent.path().join("a/b"));
        settings.make_data_dir(&SystemRandom).unwrap();
        settings.make_data_dir(&SystemRandom).unwrap();
        let mode = settings.data_dir.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(settings.data_dir.read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_a_directory_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = settings(&file.join("data")).make_data_dir(&SystemRandom).unwrap_err().to_string();
        assert!(error.contains("file/data cannot be used"), "{error}");
        let error = settings(&file).make_data_dir(&SystemRandom).unwrap_err().to_string();
        assert!(error.ends_with("file cannot be used: it is a file, not a directory"), "{error}");
    }

    #[test]
    fn a_database_is_a_file_there_unless_it_is_elsewhere() {
        let settings = settings("/var/lib/tea".as_ref());
        let elsewhere = crate::db::DatabaseUrl::parse("sqlite:/tmp/tea.db").unwrap();
        let file = |url| settings.database(url, "tea.sqlite").sqlite_file().map(ToOwned::to_owned);
        assert_eq!(file(None), Some("/var/lib/tea/tea.sqlite".into()));
        assert_eq!(file(Some(&elsewhere)), Some("/tmp/tea.db".into()));
    }
}
