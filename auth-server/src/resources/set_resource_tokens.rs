//! An administrator says how the tokens of a resource are signed and how long they live, whatever its resource server registers.

use super::Resource;
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::{
        access_token_claims::ACCESS_TOKEN_TTL_SECONDS, resource_indicator::ResourceIndicator,
        token_algorithm::TokenAlgorithm,
    },
    random::Random,
};

/// What is said; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenChoice {
    /// Forget first what was said before: what the resource server registered counts again.
    pub as_registered: bool,
    /// How its access tokens are signed.
    pub algorithm: Option<TokenAlgorithm>,
    /// How long they live.
    pub access_token_ttl_seconds: Option<i64>,
}

/// Why nothing was set.
#[derive(Debug, thiserror::Error)]
pub enum SetTokensRefusal {
    /// Outside of the bounds.
    #[error("the lifetime must be from {} to {} seconds", ACCESS_TOKEN_TTL_SECONDS.start(), ACCESS_TOKEN_TTL_SECONDS.end())]
    Lifetime,
    /// No resource of that id, in whatever spelling.
    #[error("there is no resource {0}; `resource list` shows them")]
    Unknown(String),
    /// It is not any more what the caller saw.
    #[error("the resource was changed meanwhile")]
    ChangedMeanwhile,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sets it for the resource `id`, which may be spelt as requests may; returns the resource as it counts from now on. Tokens that were issued stay
/// as they are.
///
/// # Errors
/// See [`SetTokensRefusal`].
pub async fn set_resource_tokens(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    id: &str,
    choice: TokenChoice,
    now: UnixSeconds,
) -> Result<Resource, SetTokensRefusal> {
    write(store, random, by, (id, None), choice, now).await
}

/// Sets it for the resource that somebody saw, unless it was changed meanwhile.
///
/// # Errors
/// See [`SetTokensRefusal`].
pub async fn set_seen_resource_tokens(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    seen: &Resource,
    choice: TokenChoice,
    now: UnixSeconds,
) -> Result<Resource, SetTokensRefusal> {
    write(store, random, by, (&seen.id, Some(seen)), choice, now).await
}

async fn write(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    (id, seen): (&str, Option<&Resource>),
    choice: TokenChoice,
    now: UnixSeconds,
) -> Result<Resource, SetTokensRefusal> {
    if choice.access_token_ttl_seconds.is_some_and(|ttl| !ACCESS_TOKEN_TTL_SECONDS.contains(&ttl)) {
        return Err(SetTokensRefusal::Lifetime);
    }
    let unknown = || SetTokensRefusal::Unknown(id.to_owned());
    let indicator = ResourceIndicator::parse(id).map_err(|_| unknown())?;
    let (canonical, event) = (indicator.canonical(), AuditEvent::new(AuditKind::ResourceTokensSet, random, now).by(by));
    store
        .write(|mut tx| {
            let event = event.clone();
            async move {
                if seen.is_some() && store::resource::find(&mut tx, canonical).await?.as_ref() != seen {
                    return Err(SetTokensRefusal::ChangedMeanwhile);
                }
                if !store::resource::set_tokens(&mut tx, canonical, &choice, now).await? {
                    return Err(unknown());
                }
                let resource = store::resource::find(&mut tx, canonical).await?.ok_or_else(unknown)?;
                audit::record(&mut tx, &event.detail(&resource.id)).await?;
                change_log::append(&mut tx, Change::ResourceChanged(&resource.id), now).await?;
                Ok(resource)
            }
        })
        .await
}
