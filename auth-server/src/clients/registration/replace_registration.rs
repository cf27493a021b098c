//! A client that registered itself replaces its registration (RFC 7592 §2.2). What it may have is decided as at the first time;
//! beyond that, it cannot stop proving who it is, for what it was granted was granted to somebody who does.

use super::RegistrationRefusal;
use crate::{
    audit::{self, AuditEvent, AuditKind},
    change_log::{self, Change},
    clients::Client,
    store::{self, remembered_consent},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::opaque_token::{OpaqueToken, TokenHash, TokenKind},
    random::Random,
    secret::Secret,
};

/// Why a registration was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceRefusal {
    /// Nobody could be registered so.
    #[error("the registration is refused")]
    Unusable(RegistrationRefusal),
    /// The client is gone, or managed by another token.
    #[error("the client is gone")]
    Gone,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `current` with what `asked`, which was negotiated, changes; and with the secret `fresh`, if it needs one and had none.
fn merge(current: &Client, asked: &Client, fresh: TokenHash) -> Result<Client, RegistrationRefusal> {
    if asked.is_public() && !current.is_public() {
        return Err(RegistrationRefusal::WouldStopAuthenticating);
    }
    let kept = if current.auth_method.has_secret() { current.secret_hash } else { Some(fresh) };
    Ok(Client {
        id: current.id.clone(),
        origin: current.origin,
        secret_hash: kept.filter(|_| asked.auth_method.has_secret()),
        previous_secret: None,
        resources: current.resources.clone(),
        refresh_grace_seconds: current.refresh_grace_seconds,
        registered_from: current.registered_from.clone(),
        registration_token_hash: current.registration_token_hash,
        created_at: current.created_at,
        confirmed_at: current.confirmed_at,
        removed_at: None,
        ..asked.clone()
    })
}

/// Replaces the registration of the client that `seen` was by what `asked`, which was negotiated, changes of it; returns it with its secret, if it
/// needs one and had none. What it is changed from is read in the same transaction.
///
/// People allowed what they were shown: when a name or an address changes, nothing that was remembered counts any more. When a key goes, the
/// access tokens that it got by then end.
///
/// # Errors
/// [`ReplaceRefusal`].
pub async fn replace_registration(
    store: &Store,
    random: &dyn Random,
    seen: &Client,
    asked: &Client,
    now: UnixSeconds,
) -> Result<(Client, Option<Secret>), ReplaceRefusal> {
    let fresh = OpaqueToken::generate(TokenKind::ClientSecret, random);
    let event = &AuditEvent::new(AuditKind::RegistrationReplaced, random, now).client(&seen.id);
    let fresh_hash = fresh.hash();
    let client = store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let current = store::client::find(tx, &seen.id).await?.ok_or(ReplaceRefusal::Gone)?;
            let replacement = merge(&current, asked, fresh_hash).map_err(ReplaceRefusal::Unusable)?;
            // By predicate: it is there, and the token by which `seen` was found manages it still.
            let written = Client { registration_token_hash: seen.registration_token_hash, ..replacement.clone() };
            if !store::client::replace_registration(tx, &written).await? {
                return Err(ReplaceRefusal::Gone);
            }
            if !is_shown_alike(&current, &replacement) {
                remembered_consent::forget_of_client(tx, &replacement.id).await?;
            }
            let id = &replacement.id;
            let loses_key = current.has_key_beyond(&replacement);
            let change = if loses_key { Change::ClientRevoked(id) } else { Change::ClientChanged(id) };
            change_log::append(tx, change, now).await?;
            // Anybody may register and replace; only what somebody consented to is worth a lasting row.
            if current.confirmed_at.is_some() {
                audit::record(tx, event).await?;
            }
            Ok(replacement)
        })
        .await?;
    let secret = (client.secret_hash == Some(fresh_hash)).then(|| Secret::new(fresh.expose()));
    Ok((client, secret))
}

fn is_shown_alike(current: &Client, replacement: &Client) -> bool {
    current.name == replacement.name
        && current.redirect_uris == replacement.redirect_uris
        && current.client_uri == replacement.client_uri
        && current.application_type == replacement.application_type
}

#[cfg(test)]
mod tests {
    use super::{RegistrationRefusal, merge};
    use crate::clients::{AuthMethod, Client, client::tests::client};
    use shared::protocol::opaque_token::TokenHash;

    fn method(auth_method: AuthMethod) -> Client {
        let secret_hash = auth_method.has_secret().then(|| TokenHash::of("secret"));
        Client { auth_method, secret_hash, confirmed_at: Some(1500), ..client("c") }
    }

    #[test]
    fn a_secret_stays_comes_or_goes_with_the_method() {
        use AuthMethod::{ClientSecretBasic, ClientSecretPost, None as Public, PrivateKeyJwt};
        for (before, after, kept, fresh) in [
            (ClientSecretBasic, ClientSecretPost, true, false),
            (Public, ClientSecretBasic, false, true),
            (PrivateKeyJwt, ClientSecretBasic, false, true),
            (ClientSecretBasic, PrivateKeyJwt, false, false),
            (Public, Public, false, false),
        ] {
            let asked = Client { secret_hash: None, id: String::new(), confirmed_at: None, ..method(after) };
            let client = merge(&method(before), &asked, TokenHash::of("fresh")).expect("allowed");
            assert_eq!(client.secret_hash == Some(TokenHash::of("secret")), kept, "{before:?} {after:?}");
            assert_eq!(client.secret_hash == Some(TokenHash::of("fresh")), fresh, "{before:?} {after:?}");
            assert_eq!(client.secret_hash.is_some(), after.has_secret());
            assert_eq!((client.id.as_str(), client.confirmed_at), ("c", Some(1500)));
        }
    }

    #[test]
    fn who_proves_itself_goes_on_doing_so() {
        for before in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::PrivateKeyJwt] {
            let refused = merge(&method(before), &method(AuthMethod::None), TokenHash::of("fresh")).err();
            assert_eq!(refused, Some(RegistrationRefusal::WouldStopAuthenticating));
        }
    }
}
