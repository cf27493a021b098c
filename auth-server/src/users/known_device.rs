//! A browser in which somebody signed in before: what it carries buys a share of its own in the limit of guesses, and nothing else.

use super::User;
use crate::store::user_account;
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    sealing::Sealing,
    secret::Secret,
};

/// A browser is known for half a year after the last sign-in.
pub const KNOWN_DEVICE_SECONDS: i64 = 180 * 24 * 60 * 60;

const KNOWN_DEVICE: &str = "known device";

/// What a browser in which `user` has just signed in is to carry.
pub fn seal(sealing: &Sealing, user: &User, now: UnixSeconds) -> Secret {
    Secret::new(sealing.seal_text(KNOWN_DEVICE, now + KNOWN_DEVICE_SECONDS, user.id.as_bytes()))
}

/// Who signed in in the browser that carries `text`. It is looked up by that, never by what was typed: how long it takes tells nothing about
/// other accounts.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_user(
    store: &Store,
    sealing: &Sealing,
    text: &str,
    now: UnixSeconds,
) -> Result<Option<User>, StoreError> {
    // Made up, too old, under a key that is gone: an unknown browser.
    let Ok(plain) = sealing.open_text(KNOWN_DEVICE, now, text) else { return Ok(None) };
    let Ok(user_id) = std::str::from_utf8(&plain) else { return Ok(None) };
    user_account::find(&mut store.read(), user_id).await
}
