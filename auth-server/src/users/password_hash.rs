//! Passwords at rest: argon2id with the crate's defaults (19 MiB, two passes), as PHC strings.
//!
//! A hash costs 20 ms and 19 MiB, so few run at a time and only so many wait: a flood of sign-ins meets "busy" and neither starves the token
//! endpoint nor fills the memory.

use super::password_rules::normalized;
use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc},
};
use shared::{random::SharedRandom, secret::Secret};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashes computed at a time.
const MAX_RUNNING: usize = 2;
/// Hashes that may wait for their turn; at 20 ms each the last one waits about a third of a second for every 32 and two running.
const MAX_WAITING: usize = 64;
/// Bytes of salt (RFC 9106 §3.1).
const SALT_BYTES: usize = 16;

/// Why a password was neither hashed nor compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    /// Too many are waiting.
    #[error("too many passwords are being checked")]
    Busy,
    /// The computation failed (memory), or the server is stopping.
    #[error("the password hash could not be computed")]
    Failed,
}

/// What a comparison says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Another password, or no account.
    Wrong,
    /// The password.
    Right,
    /// The password, under older parameters; to be stored anew as this PHC string.
    RightButOld(String),
}

/// Hashes and compares passwords, never on the threads that serve requests.
#[derive(Clone)]
pub struct PasswordHasher {
    random: SharedRandom,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Compared with when there is no account, so that the answer takes as long.
    dummy: Arc<str>,
}

impl PasswordHasher {
    /// A hasher with its own bounds; computes one hash.
    ///
    /// # Errors
    /// [`PasswordHashError::Failed`] when there is no memory for it.
    pub fn new(random: SharedRandom) -> Result<Self, PasswordHashError> {
        let unguessable = shared::random::random_32(&*random);
        let dummy = compute(&unguessable, salt(&random))?;
        Ok(Self {
            random,
            admitted: Arc::new(Semaphore::new(MAX_RUNNING + MAX_WAITING)),
            running: Arc::new(Semaphore::new(MAX_RUNNING)),
            dummy: dummy.into(),
        })
    }

    /// How many passwords are checked or wait for it.
    pub fn admitted(&self) -> usize {
        MAX_RUNNING + MAX_WAITING - self.admitted.available_permits()
    }

    /// The PHC string of `password` under a fresh salt.
    ///
    /// # Errors
    /// [`PasswordHashError`].
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordHashError> {
        let (password, salt) = (normalized(password.expose()), salt(&self.random));
        self.run(move || compute(password.as_bytes(), salt)).await
    }

    /// Compares `password` with a stored PHC string, or, in the same time, with nobody's.
    ///
    /// # Errors
    /// [`PasswordHashError`].
    pub async fn verify(&self, password: &Secret, stored: Option<&str>) -> Result<Verdict, PasswordHashError> {
        let exists = stored.is_some();
        let stored = stored.unwrap_or(&self.dummy).to_owned();
        let (password, salt) = (normalized(password.expose()), salt(&self.random));
        self.run(move || {
            let password = password.as_bytes();
            let is_right = matches(password, &stored)?;
            match (exists && is_right, is_current(&stored)) {
                (false, _) => Ok(Verdict::Wrong),
                (true, true) => Ok(Verdict::Right),
                (true, false) => Ok(Verdict::RightButOld(compute(password, salt)?)),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordHashError> + Send + 'static,
    ) -> Result<T, PasswordHashError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| PasswordHashError::Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| PasswordHashError::Failed)?;
        // The permits move into the work: a caller that goes away does not let more run at a time.
        let work = move || {
            let result = work();
            drop((admitted, running));
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordHashError::Failed)?
    }
}

fn salt(random: &SharedRandom) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt);
    salt
}

fn compute(password: &[u8], salt: [u8; SALT_BYTES]) -> Result<String, PasswordHashError> {
    let hash = Argon2::default().hash_password_with_salt(password, &salt).map_err(|_| PasswordHashError::Failed)?;
    Ok(hash.to_string())
}

/// Whether it is the password; a stored text that is no PHC string belongs to no password.
fn matches(password: &[u8], stored: &str) -> Result<bool, PasswordHashError> {
    let Ok(stored) = phc::PasswordHash::new(stored) else { return Ok(false) };
    match Argon2::default().verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(PasswordHashError::Failed),
    }
}

/// Whether the stored hash was made with today's algorithm and parameters.
fn is_current(stored: &str) -> bool {
    let Ok(stored) = phc::PasswordHash::new(stored) else { return false };
    let today = Params::default();
    let same = Params::try_from(&stored).is_ok_and(|params| {
        (params.m_cost(), params.t_cost(), params.p_cost()) == (today.m_cost(), today.t_cost(), today.p_cost())
    });
    same && stored.algorithm.as_str() == "argon2id"
}

#[cfg(test)]
mod tests {
    use super::{PasswordHashError, PasswordHasher, SALT_BYTES, Verdict};
    use argon2::{Argon2, Params, password_hash::PasswordHasher as _};
    use shared::{random::SystemRandom, secret::Secret};
    use std::sync::Arc;

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(Arc::new(SystemRandom)).unwrap()
    }

    #[tokio::test]
    async fn recognises_the_password_and_nothing_else() {
        let (hasher, password) = (hasher(), Secret::new("correct horse battery"));
        let stored = hasher.hash(&password).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hasher.hash(&password).await.unwrap());
        assert_eq!(hasher.verify(&password, Some(&stored)).await, Ok(Verdict::Right));
        let other = Secret::new("correct horse batterz");
        assert_eq!(hasher.verify(&other, Some(&stored)).await, Ok(Verdict::Wrong));
        assert_eq!(hasher.verify(&password, None).await, Ok(Verdict::Wrong));
        assert_eq!(hasher.verify(&password, Some("")).await, Ok(Verdict::Wrong));
        assert_eq!(hasher.verify(&password, Some("$argon2id$")).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn another_keyboard_types_the_same_password() {
        let hasher = hasher();
        let stored = hasher.hash(&Secret::new("gru\u{308}ße aus dem ﬁlm")).await.unwrap();
        let typed = Secret::new("grüße aus dem film");
        assert_eq!(hasher.verify(&typed, Some(&stored)).await, Ok(Verdict::Right));
    }

    #[tokio::test]
    async fn an_old_hash_is_made_anew() {
        let weak = Argon2::from(Params::new(8, 1, 1, None).unwrap());
        let old = weak.hash_password_with_salt(b"correct horse battery", &[7; SALT_BYTES]).unwrap().to_string();
        let (hasher, password) = (hasher(), Secret::new("correct horse battery"));
        let Verdict::RightButOld(new) = hasher.verify(&password, Some(&old)).await.unwrap() else { panic!("not old?") };
        assert_eq!(hasher.verify(&password, Some(&new)).await, Ok(Verdict::Right));
        assert_eq!(hasher.verify(&Secret::new("something else"), Some(&old)).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_flood_meets_busy_and_the_admitted_are_answered() {
        let (hasher, password) = (hasher(), Secret::new("whatever it is"));
        let all = (0..80).map(|_| hasher.verify(&password, None));
        let answers = futures_util::future::join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| **answer == Ok(Verdict::Wrong)).count(), 66);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(PasswordHashError::Busy)).count(), 14);
        assert_eq!(hasher.verify(&password, None).await, Ok(Verdict::Wrong));
    }
}
