//! `id_token_hint`: whom a client means, by an ID token it was given (OpenID Connect Core §3.1.2.1; RP-Initiated Logout §2).

use keys::KeyRing;
use shared::protocol::jwt::read_id_token_hint;

/// Somebody a client was told of. Says nothing about who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The user.
    pub user_id: String,
    /// The client that was told.
    pub client_id: String,
}

/// Reads a hint; `None` when it is no ID token of ours, whatever else it is. An expired one still says who was meant.
pub fn read(keys: &KeyRing, issuer: &str, token: &str) -> Option<Hint> {
    let claims = read_id_token_hint(token, &keys.verification_keys(), issuer)
        .inspect_err(|refusal| tracing::debug!(%refusal, "an id_token_hint was refused"))
        .ok()?;
    Some(Hint { user_id: claims.sub, client_id: claims.aud })
}
