//! The file of key-encryption keys is followed while the server runs: whoever replaces a key edits the file, and nothing is restarted.

use super::{KEY_ENCRYPTION_KEY_FILE, KeyLifecycleError, sealed_columns::check_sealed_columns};
use crate::config::Settings;
use shared::{
    db::Store,
    sealing::{KeyEncryptionKeys, Sealing, SealingError},
};
use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How often it is read.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// A file that was not read within this hangs, as on a network file system that is gone.
const READ_DEADLINE: Duration = Duration::from_secs(2);
/// Keys that did not open every sealed row are judged again after this: rows may have been sealed anew meanwhile.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// The file, if the keys are not given by the configuration, which is read at the start alone.
#[derive(Debug, Default)]
pub struct KeyFile {
    path: Option<PathBuf>,
    seen: Mutex<Seen>,
}

/// What became of the looks before.
#[derive(Debug, Default)]
struct Seen {
    /// A read that has not ended: no other one begins beside it.
    reading: Option<Reading>,
    refused: Option<Refused>,
    /// What was wrong with the file when it was last read: told once.
    problem: Option<String>,
}

#[derive(Debug)]
struct Reading {
    deadline: Instant,
    keys: oneshot::Receiver<Result<KeyEncryptionKeys, SealingError>>,
}

/// Keys that do not open every sealed row.
#[derive(Debug)]
struct Refused {
    keys: KeyEncryptionKeys,
    cause: String,
    at: Instant,
}

impl KeyFile {
    /// The file that these settings name.
    pub fn of(settings: &Settings) -> Self {
        let is_file = settings.shared.key_encryption_key.is_none();
        let path = is_file.then(|| settings.shared.data_file(KEY_ENCRYPTION_KEY_FILE));
        Self { path, seen: Mutex::default() }
    }

    /// Looks at the file every second, until `stop`. Not where the change log is followed: a file that hangs must keep no revocation.
    pub async fn follow(&self, store: &Store, sealing: &Sealing, stop: &CancellationToken) {
        let looking = async {
            while self.path.is_some() {
                self.look(store, sealing).await;
                sleep(FOLLOW_INTERVAL).await;
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    /// Lets `sealing` have the keys that the file names now, unless one of the sealed rows would not open with them: then, and when the file cannot
    /// be read in time, it keeps what it has.
    pub async fn look(&self, store: &Store, sealing: &Sealing) {
        let Some(path) = &self.path else { return };
        let mut seen = self.seen.lock().await;
        match seen.look(path, store, sealing).await {
            Ok(is_new) => {
                seen.problem = None;
                if is_new {
                    let sealed_under = sealing.current_key_id();
                    tracing::info!(sealed_under, "the key-encryption keys were read again");
                }
            }
            Err(cause) => {
                if seen.problem.as_ref() != Some(&cause) {
                    tracing::warn!(%cause, "the key-encryption keys stay as they were read before");
                    seen.problem = Some(cause);
                }
            }
        }
    }
}

impl Seen {
    /// Whether the keys are others than before; or why they are not taken.
    async fn look(&mut self, path: &Path, store: &Store, sealing: &Sealing) -> Result<bool, String> {
        let keys = self.read(path).await?;
        if sealing.has_keys(&keys) {
            return Ok(false);
        }
        if let Some(refused) = self.refused.as_ref().filter(|refused| refused.keys == keys)
            && refused.at.elapsed() < REFUSED_FOR
        {
            return Err(refused.cause.clone());
        }
        match check_sealed_columns(store, &keys).await {
            Ok(()) => {
                self.refused = None;
                sealing.replace_keys(keys);
                Ok(true)
            }
            Err(error) => {
                let cause = error.to_string();
                if matches!(error, KeyLifecycleError::RowsSealedUnderUnknownKey { .. }) {
                    self.refused = Some(Refused { keys, cause: cause.clone(), at: Instant::now() });
                }
                Err(cause)
            }
        }
    }

    /// Waits for a read that hangs once, not at every look.
    async fn read(&mut self, path: &Path) -> Result<KeyEncryptionKeys, String> {
        let reading = self.reading.get_or_insert_with(|| Reading::begin(path.to_owned()));
        let hangs = |_| format!("{} cannot be read: no answer", path.display());
        let read = timeout_at(reading.deadline, &mut reading.keys).await.map_err(hangs)?;
        self.reading = None;
        let keys = read.map_err(|_| format!("{} cannot be read: no thread", path.display()))?;
        keys.map_err(|error| error.to_string())
    }
}

impl Reading {
    /// On a thread that nobody waits for: one of the runtime's that hangs would keep the server from ending.
    fn begin(path: PathBuf) -> Self {
        let (read, keys) = oneshot::channel();
        let reading = move || drop(read.send(KeyEncryptionKeys::load_file(&path)));
        // Without a thread the channel closes, which says so.
        drop(thread::Builder::new().name("key-file".to_owned()).spawn(reading));
        Self { deadline: Instant::now() + READ_DEADLINE, keys }
    }
}
