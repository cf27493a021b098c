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
    http::AddressBlock,
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::Random,
    secret::Secret,
};

/// `current` with what `asked`, which was negotiated, changes; and the secret, if it needs one and had none.
///
/// # Errors
/// [`RegistrationRefusal::WouldStopAuthenticating`].
pub fn merge(
    current: &Client,
    asked: Client,
    random: &dyn Random,
) -> Result<(Client, Option<Secret>), RegistrationRefusal> {
    if asked.is_public() && !current.is_public() {
        return Err(RegistrationRefusal::WouldStopAuthenticating);
    }
    let (has, needs) = (current.auth_method.has_secret(), asked.auth_method.has_secret());
    let fresh = (needs && !has).then(|| OpaqueToken::generate(TokenKind::ClientSecret, random));
    let kept = current.secret_hash.filter(|_| needs && has);
    let client = Client {
        id: current.id.clone(),
        origin: current.origin,
        secret_hash: fresh.as_ref().map(OpaqueToken::hash).or(kept),
        previous_secret: None,
        resources: current.resources.clone(),
        refresh_grace_seconds: current.refresh_grace_seconds,
        registered_from: current.registered_from.clone(),
        registration_token_hash: current.registration_token_hash,
        created_at: current.created_at,
        confirmed_at: current.confirmed_at,
        removed_at: None,
        ..asked
    };
    Ok((client, fresh.map(|secret| Secret::new(secret.expose()))))
}

/// Writes `replacement` in place of `current`. People allowed what they were shown: when a name or an address changes, nothing
/// that was remembered counts any more. `false`: the client is gone.
///
/// # Errors
/// The database failed.
pub async fn replace_registration(
    store: &Store,
    random: &dyn Random,
    current: &Client,
    replacement: &Client,
    block: AddressBlock,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let voids_consents = !is_shown_alike(current, replacement);
    // Anybody may register and replace; only what somebody consented to is worth a lasting row.
    let event = current.confirmed_at.map(|_| {
        AuditEvent::new(AuditKind::RegistrationReplaced, random, now).client(&current.id).from_block(Some(&block))
    });
    let event = event.as_ref();
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !store::client::replace_registration(tx, replacement).await? {
                return Ok(false);
            }
            if voids_consents {
                remembered_consent::forget_of_client(tx, &replacement.id).await?;
            }
            change_log::append(tx, Change::ClientChanged(&replacement.id), now).await?;
            if let Some(event) = event {
                audit::record(tx, event).await?;
            }
            Ok(true)
        })
        .await
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
    use shared::{protocol::opaque_token::TokenHash, random::SystemRandom};

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
            let (client, secret) = merge(&method(before), asked, &SystemRandom).expect("allowed");
            assert_eq!(client.secret_hash == Some(TokenHash::of("secret")), kept, "{before:?} {after:?}");
            assert_eq!(secret.is_some(), fresh, "{before:?} {after:?}");
            assert_eq!(client.secret_hash.is_some(), after.has_secret());
            assert_eq!((client.id.as_str(), client.confirmed_at), ("c", Some(1500)));
        }
    }

    #[test]
    fn who_proves_itself_goes_on_doing_so() {
        for before in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::PrivateKeyJwt] {
            let refused = merge(&method(before), method(AuthMethod::None), &SystemRandom).err();
            assert_eq!(refused, Some(RegistrationRefusal::WouldStopAuthenticating));
        }
    }
}
