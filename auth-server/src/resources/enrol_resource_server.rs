//! Enrolment: an administrator lets a resource server register what lies under its origins.

use super::{Resource, remove_resource::remove_outside};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    clients::{ApplicationType, AuthMethod, Client, ClientOrigin, GrantType, OpenIdMetadata},
    store,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    protocol::{
        jwk::JwkSet, resource_document::RESOURCE_SERVER_SCOPE, resource_indicator::ResourceIndicator, scope::ScopeSet,
    },
    random::Random,
};

/// What is enrolled.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// Its `client_id`.
    pub client_id: &'a str,
    /// Its name, for people.
    pub name: &'a str,
    /// The origins under which it may register resources.
    pub origins: &'a [String],
    /// The public keys of its client assertions.
    pub jwks: &'a JwkSet,
}

/// Why a resource server was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolRefusal {
    /// An origin is none.
    #[error("{0} is not an origin: write scheme, host and port without a path, such as https://mcp.example.com")]
    NotAnOrigin(String),
    /// No origin was named.
    #[error("name at least one origin")]
    NoOrigin,
    /// The id belongs to a client that was removed, or to one that is no resource server.
    #[error("the client id is taken")]
    Taken,
    /// It is not any more what the caller saw.
    #[error("the resource server was changed meanwhile")]
    ChangedMeanwhile,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Enrols a resource server, or replaces name, keys and origins of the one with that id; either is audited. When a key is taken from it, what it
/// got by then ends, and so does every resource under an origin that is taken from it.
///
/// # Errors
/// See [`EnrolRefusal`].
pub async fn enrol_resource_server(
    store: &Store,
    issuer: &str,
    enrolment: &Enrolment<'_>,
    random: &dyn Random,
    by: &Actor,
    now: UnixSeconds,
) -> Result<(), EnrolRefusal> {
    enrol_unless_changed(store, issuer, enrolment, None, random, by, now).await
}

/// A resource server as somebody saw it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The client.
    pub client: &'a Client,
    /// Its origins.
    pub origins: &'a [String],
}

/// The same, unless the resource server is not any more what was seen.
///
/// # Errors
/// See [`EnrolRefusal`].
pub async fn enrol_unless_changed(
    store: &Store,
    issuer: &str,
    enrolment: &Enrolment<'_>,
    seen: Option<Seen<'_>>,
    random: &dyn Random,
    by: &Actor,
    now: UnixSeconds,
) -> Result<(), EnrolRefusal> {
    if enrolment.origins.is_empty() {
        return Err(EnrolRefusal::NoOrigin);
    }
    if let Some(wrong) = enrolment.origins.iter().find(|origin| !is_origin(origin)) {
        return Err(EnrolRefusal::NotAnOrigin(wrong.clone()));
    }
    let client = client(issuer, enrolment, now);
    let event = |kind| AuditEvent::new(kind, random, now).client(enrolment.client_id).by(by);
    let events =
        Events { added: event(AuditKind::ResourceServerAdded), changed: event(AuditKind::ResourceServerChanged) };
    store
        .write(|mut tx| {
            let (client, events) = (&client, &events);
            async move {
                if let Some(seen) = seen {
                    check_seen(&mut tx, seen).await?;
                }
                write(&mut tx, client, enrolment, events, now).await
            }
        })
        .await
}

async fn check_seen(tx: &mut Tx, seen: Seen<'_>) -> Result<(), EnrolRefusal> {
    let is_same = store::client::find(tx, &seen.client.id).await?.as_ref() == Some(seen.client)
        && store::resource_server::find_origins(tx, &seen.client.id).await?.as_deref() == Some(seen.origins);
    if is_same { Ok(()) } else { Err(EnrolRefusal::ChangedMeanwhile) }
}

/// One of them happens.
struct Events {
    added: AuditEvent,
    changed: AuditEvent,
}

async fn write(
    tx: &mut Tx,
    client: &Client,
    enrolment: &Enrolment<'_>,
    events: &Events,
    now: UnixSeconds,
) -> Result<(), EnrolRefusal> {
    let mut change = Change::ClientChanged(&client.id);
    match store::client::find(tx, &client.id).await? {
        None => {
            store::client::insert(tx, client).await?;
            audit::record(tx, &events.added).await?;
        }
        Some(existing) if existing.origin != ClientOrigin::ResourceServer || existing.removed_at.is_some() => {
            return Err(EnrolRefusal::Taken);
        }
        Some(existing) => {
            let origins = store::resource_server::find_origins(tx, &client.id).await?;
            if existing.name != client.name
                || existing.jwks != client.jwks
                || origins.as_deref() != Some(enrolment.origins)
            {
                audit::record(tx, &events.changed).await?;
            }
            if existing.has_key_beyond(client) {
                change = Change::ClientRevoked(&client.id);
            }
            store::client::renew_enrolment(tx, client).await?;
            remove_outside(tx, &client.id, enrolment.origins, now).await?;
        }
    }
    store::resource_server::put(tx, &client.id, enrolment.origins).await?;
    change_log::append(tx, change, now).await?;
    Ok(())
}

fn client(issuer: &str, enrolment: &Enrolment<'_>, now: UnixSeconds) -> Client {
    Client {
        id: enrolment.client_id.to_owned(),
        name: enrolment.name.to_owned(),
        origin: ClientOrigin::ResourceServer,
        application_type: ApplicationType::Web,
        auth_method: AuthMethod::PrivateKeyJwt,
        secret_hash: None,
        previous_secret: None,
        jwks: Some(enrolment.jwks.clone()),
        redirect_uris: Vec::new(),
        grant_types: vec![GrantType::ClientCredentials],
        scope: ScopeSet::from_iter([RESOURCE_SERVER_SCOPE]),
        resources: vec![Resource::management(issuer).id],
        refresh_grace_seconds: None,
        software_id: None,
        software_version: None,
        client_uri: None,
        openid: OpenIdMetadata::default(),
        registered_from: None,
        registration_token_hash: None,
        created_at: now,
        confirmed_at: Some(now),
        removed_at: None,
    }
}

fn is_origin(text: &str) -> bool {
    ResourceIndicator::parse(text).is_ok_and(|indicator| indicator.is_bare_origin() && indicator.origin() == text)
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn origins_are_exact() {
        assert!(is_origin("https://mcp.example.com") && is_origin("http://localhost:9500"));
        for wrong in [
            "https://mcp.example.com/",
            "https://mcp.example.com/mcp",
            "HTTPS://mcp.example.com",
            "http://mcp.example.com",
            "mcp",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}
