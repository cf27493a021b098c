//! Changing a client that an administrator made.

use super::{
    Client, ClientOrigin, OpenIdMetadata,
    add_client::{AddClientRefusal, Installation, NewClient, check},
};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store,
    tokens::lifetimes::REFRESH_GRACE_MAX_SECONDS,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::token_algorithm::TokenAlgorithm,
    random::Random,
};

/// What becomes different; absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ClientChange {
    /// What people call it.
    pub name: Option<String>,
    /// The grants it may use.
    pub grants: Option<Vec<String>>,
    /// The scopes it may ask for.
    pub scope: Option<String>,
    /// The resources it may ask for; empty means any.
    pub resources: Option<Vec<String>>,
    /// Where codes may be sent.
    pub redirect_uris: Option<Vec<String>>,
    /// Where a browser may be sent after signing out.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// How its ID tokens are signed.
    pub id_token_algorithm: Option<TokenAlgorithm>,
    /// Its own replay period of refresh tokens, in seconds.
    pub refresh_grace_seconds: Option<i64>,
}

/// Why a client was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeClientRefusal {
    /// It registered itself or is a resource server.
    #[error("only a client that an administrator made can be changed")]
    NotAdministered,
    /// The replay period.
    #[error("the replay period must be from 0 to {REFRESH_GRACE_MAX_SECONDS} seconds")]
    RefreshGrace,
    /// No client could be made so.
    #[error(transparent)]
    Unusable(#[from] AddClientRefusal),
    /// It is not any more what the caller saw.
    #[error("the client was changed meanwhile")]
    ChangedMeanwhile,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes `seen` unless somebody was faster. When something is taken away, the access tokens that hold it end at once; grants stay, and the next
/// refresh gives what is left.
///
/// # Errors
/// [`ChangeClientRefusal`].
pub async fn change_client(
    store: &Store,
    installation: Installation<'_>,
    random: &dyn Random,
    by: &Actor,
    seen: &Client,
    change: &ClientChange,
    now: UnixSeconds,
) -> Result<Client, ChangeClientRefusal> {
    let registered = installation.resources(store).await?;
    let changed = changed(seen, change, |new| check(new, installation.redirect_schemes, &registered, now))?;
    if changed == *seen {
        return Ok(changed);
    }
    let event = &AuditEvent::new(AuditKind::ClientChanged, random, now).client(&seen.id).by(by);
    let is_narrowed = is_narrowed(seen, &changed);
    let written = &changed;
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if store::client::find(tx, &seen.id).await?.as_ref() != Some(seen)
                || !store::client::change(tx, written).await?
            {
                return Err(ChangeClientRefusal::ChangedMeanwhile);
            }
            let change = if is_narrowed { Change::ClientRevoked(&seen.id) } else { Change::ClientChanged(&seen.id) };
            change_log::append(tx, change, now).await?;
            audit::record(tx, event).await?;
            Ok(())
        })
        .await?;
    Ok(changed)
}

fn changed(
    seen: &Client,
    change: &ClientChange,
    check: impl FnOnce(&NewClient<'_>) -> Result<Client, AddClientRefusal>,
) -> Result<Client, ChangeClientRefusal> {
    if seen.origin != ClientOrigin::Administered {
        return Err(ChangeClientRefusal::NotAdministered);
    }
    let grace = change.refresh_grace_seconds.or(seen.refresh_grace_seconds);
    if grace.is_some_and(|seconds| !(0..=REFRESH_GRACE_MAX_SECONDS).contains(&seconds)) {
        return Err(ChangeClientRefusal::RefreshGrace);
    }
    let grants: Vec<String> = seen.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect();
    let scope = seen.scope.to_string();
    let new = NewClient {
        name: change.name.as_deref().unwrap_or(&seen.name),
        grants: change.grants.as_deref().unwrap_or(&grants),
        scope: change.scope.as_deref().unwrap_or(&scope),
        resources: change.resources.as_deref().unwrap_or(&seen.resources),
        redirect_uris: change.redirect_uris.as_deref().unwrap_or(&seen.redirect_uris),
        post_logout_redirect_uris: change
            .post_logout_redirect_uris
            .as_deref()
            .unwrap_or(&seen.openid.post_logout_redirect_uris),
        id_token_algorithm: change.id_token_algorithm.or(seen.openid.id_token_signed_response_alg),
        is_public: seen.is_public(),
    };
    let checked = check(&new)?;
    Ok(Client {
        name: checked.name,
        application_type: checked.application_type,
        redirect_uris: checked.redirect_uris,
        grant_types: checked.grant_types,
        scope: checked.scope,
        resources: checked.resources,
        refresh_grace_seconds: grace,
        openid: OpenIdMetadata {
            post_logout_redirect_uris: checked.openid.post_logout_redirect_uris,
            id_token_signed_response_alg: checked.openid.id_token_signed_response_alg,
            ..seen.openid.clone()
        },
        ..seen.clone()
    })
}

/// Whether there is anything that the client could have yesterday and cannot have any more.
fn is_narrowed(seen: &Client, changed: &Client) -> bool {
    let keeps_resources = changed.resources.is_empty()
        || (!seen.resources.is_empty() && seen.resources.iter().all(|resource| changed.resources.contains(resource)));
    let keeps_grants = seen.grant_types.iter().all(|grant| changed.allows_grant(*grant));
    !keeps_resources || !keeps_grants || !seen.scope.is_subset(&changed.scope)
}

#[cfg(test)]
mod tests {
    use super::is_narrowed;
    use crate::clients::client::tests::client;

    #[test]
    fn taking_away_is_told_from_giving() {
        let mut seen = client("c");
        let mut changed = seen.clone();
        assert!(!is_narrowed(&seen, &changed));
        changed.scope = "mcp.read mcp.write".parse().expect("scope");
        assert!(!is_narrowed(&seen, &changed));
        assert!(is_narrowed(&changed, &seen));
        changed.resources = vec!["https://a.example".to_owned()];
        assert!(is_narrowed(&seen, &changed), "from any to one");
        seen.resources = changed.resources.clone();
        changed.resources.push("https://b.example".to_owned());
        assert!(!is_narrowed(&seen, &changed));
        changed.grant_types.pop();
        assert!(is_narrowed(&seen, &changed), "what it was given by that grant is not its any more");
    }
}
