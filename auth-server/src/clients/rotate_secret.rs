//! A client that an administrator made gets another secret. The one it has goes on counting for a while, so that every place that
//! holds it can be told before it ends.

use super::{Client, ClientOrigin};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::Random,
    secret::Secret,
};

/// How long the old secret counts unless somebody says otherwise: a day of deployments.
pub const OVERLAP_SECONDS: u32 = 24 * 60 * 60;
/// Two secrets are one too many for longer than this.
pub const OVERLAP_MAX_SECONDS: u32 = 30 * 24 * 60 * 60;

/// Why there is no new secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotateSecretRefusal {
    /// No such client, or it was removed.
    #[error("there is no client {0}")]
    NoClient(String),
    /// It registered itself: nobody could hand it the secret.
    #[error("{0} registered itself; it gets a new secret by registering again")]
    SelfRegistered(String),
    /// It proves itself otherwise, or not at all.
    #[error("{0} has no secret")]
    NoSecret(String),
    /// Longer than [`OVERLAP_MAX_SECONDS`].
    #[error("the old secret may go on for at most 2592000 seconds (30 days)")]
    Overlap,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replaces the secret of `id`; the old one counts for `overlap_seconds` more, and none that is older.
///
/// # Errors
/// See [`RotateSecretRefusal`].
pub async fn rotate_secret(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    id: &str,
    overlap_seconds: u32,
    now: UnixSeconds,
) -> Result<Secret, RotateSecretRefusal> {
    if overlap_seconds > OVERLAP_MAX_SECONDS {
        return Err(RotateSecretRefusal::Overlap);
    }
    check(id, store::client::find(&mut store.read(), id).await?)?;
    let secret = OpaqueToken::generate(TokenKind::ClientSecret, random);
    let event = &AuditEvent::new(AuditKind::ClientSecretRotated, random, now).client(id).by(by);
    let (hash, ends_at) = (&secret.hash(), now + i64::from(overlap_seconds));
    let rotated = store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !store::client::rotate_secret(tx, id, hash, ends_at).await? {
                return Ok(false);
            }
            change_log::append(tx, Change::ClientChanged(id), now).await?;
            audit::record(tx, event).await?;
            Ok::<_, StoreError>(true)
        })
        .await?;
    if rotated { Ok(Secret::new(secret.expose())) } else { Err(RotateSecretRefusal::NoClient(id.to_owned())) }
}

fn check(id: &str, client: Option<Client>) -> Result<(), RotateSecretRefusal> {
    let client = client.filter(|client| client.removed_at.is_none());
    let client = client.ok_or_else(|| RotateSecretRefusal::NoClient(id.to_owned()))?;
    if client.origin == ClientOrigin::Dynamic {
        return Err(RotateSecretRefusal::SelfRegistered(id.to_owned()));
    }
    if client.secret_hash.is_none() { Err(RotateSecretRefusal::NoSecret(id.to_owned())) } else { Ok(()) }
}
