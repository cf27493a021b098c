//! A client as it is registered.

use super::{ApplicationType, AuthMethod, GrantType, OpenIdMetadata};
use crate::resources::Resource;
use shared::{
    clock::UnixSeconds,
    protocol::{jwk::JwkSet, opaque_token::TokenHash, scope::ScopeSet},
};

/// A client that registered itself and got no consent for this long is forgotten.
pub const UNCONFIRMED_LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// Who made a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientOrigin {
    /// It registered itself (RFC 7591).
    Dynamic,
    /// An administrator made it.
    Administered,
    /// An administrator enrolled it as a resource server.
    ResourceServer,
}

impl ClientOrigin {
    /// The word the database holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Administered => "administered",
            Self::ResourceServer => "resource_server",
        }
    }

    /// The origin that a word in the database names.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Dynamic, Self::Administered, Self::ResourceServer].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// A secret that a rotation replaced, and that its holders may go on with for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousSecret {
    /// SHA-256 of it.
    pub hash: TokenHash,
    /// From then on it is nothing.
    pub ends_at: UnixSeconds,
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_name`: for people, never proof of anything.
    pub name: String,
    /// Who made it.
    pub origin: ClientOrigin,
    /// Where it runs.
    pub application_type: ApplicationType,
    /// How it authenticates at the token endpoint.
    pub auth_method: AuthMethod,
    /// SHA-256 of its secret, when the method has one.
    pub secret_hash: Option<TokenHash>,
    /// The secret before the last rotation, while it still counts.
    pub previous_secret: Option<PreviousSecret>,
    /// Its public keys, when the method is a signed assertion.
    pub jwks: Option<JwkSet>,
    /// Where codes may be sent; compared by [`super::redirect_uri::matches`].
    pub redirect_uris: Vec<String>,
    /// The grants it may use.
    pub grant_types: Vec<GrantType>,
    /// The scopes registered for it. Binding for clients that an administrator made; what a client registered for
    /// itself is only its first wish, see [`Client::may_ask_for`].
    pub scope: ScopeSet,
    /// The resources it may ask for; empty means any registered one, management excepted.
    pub resources: Vec<String>,
    /// Its own replay period of refresh tokens, in seconds; absent means the server's.
    pub refresh_grace_seconds: Option<i64>,
    /// `software_id` (RFC 7591 §2).
    pub software_id: Option<String>,
    /// `software_version` (RFC 7591 §2).
    pub software_version: Option<String>,
    /// `client_uri` (RFC 7591 §2).
    pub client_uri: Option<String>,
    /// What it registered of OpenID Connect.
    pub openid: OpenIdMetadata,
    /// The address block that registered it.
    pub registered_from: Option<String>,
    /// SHA-256 of the token by which it manages its registration; absent for clients that an administrator made.
    pub registration_token_hash: Option<TokenHash>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When a person first consented to it; administered clients are confirmed at once.
    pub confirmed_at: Option<UnixSeconds>,
    /// When it was removed; the row stays so that its id never comes back.
    pub removed_at: Option<UnixSeconds>,
}

impl Client {
    /// The hash of the secret before the last rotation, if that still counts at `now`.
    pub fn previous_secret_hash(&self, now: UnixSeconds) -> Option<TokenHash> {
        self.previous_secret.filter(|previous| now < previous.ends_at).map(|previous| previous.hash)
    }

    /// Whether it may use `grant`.
    pub fn allows_grant(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether it cannot keep a secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// Whether it may ask for a scope of an ordinary resource. A client that registered itself may ask for any: it could
    /// register again with more, and a step-up asks for more than the first registration named.
    pub fn may_ask_for(&self, scope: &str) -> bool {
        self.origin == ClientOrigin::Dynamic || self.scope.contains(scope)
    }

    /// Whether it may ask for `resource`. The management interface is for clients that an administrator gave it to by name, never for one that
    /// registered itself, whatever its row may say; who somebody is may be asked by every client that may ask for `openid`.
    pub fn may_use(&self, resource: &Resource) -> bool {
        let is_named = self.resources.contains(&resource.id);
        if resource.is_management() {
            return is_named && self.origin != ClientOrigin::Dynamic;
        }
        is_named || resource.is_identity() || self.resources.is_empty()
    }

    /// Whether it proves itself by a key that `other` has not.
    pub fn has_key_beyond(&self, other: &Self) -> bool {
        let keys = |client: &Self| client.jwks.clone().unwrap_or_default();
        let others = keys(other);
        keys(self).keys().iter().any(|key| others.keys().iter().all(|other| other.key() != key.key()))
    }

    /// Whether it exists at `now`: not removed, and confirmed or still young.
    pub fn is_alive(&self, now: UnixSeconds) -> bool {
        self.removed_at.is_none()
            && (self.confirmed_at.is_some() || now < self.created_at + UNCONFIRMED_LIFETIME_SECONDS)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Client, ClientOrigin, UNCONFIRMED_LIFETIME_SECONDS};
    use crate::clients::{ApplicationType, AuthMethod, GrantType, OpenIdMetadata};

    /// A public client that registered itself at time 1000 and asked for `mcp.read`.
    pub(crate) fn client(id: &str) -> Client {
        Client {
            id: id.to_owned(),
            name: "Test client".to_owned(),
            origin: ClientOrigin::Dynamic,
            application_type: ApplicationType::Native,
            auth_method: AuthMethod::None,
            secret_hash: None,
            previous_secret: None,
            jwks: None,
            redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
            grant_types: GrantType::SELF_REGISTERED.to_vec(),
            scope: "mcp.read".parse().expect("valid"),
            resources: Vec::new(),
            refresh_grace_seconds: None,
            software_id: None,
            software_version: None,
            client_uri: None,
            openid: OpenIdMetadata::default(),
            registered_from: None,
            registration_token_hash: None,
            created_at: 1000,
            confirmed_at: None,
            removed_at: None,
        }
    }

    #[test]
    fn management_is_for_those_it_was_given_to() {
        let mut client = client("c");
        let mut resource = crate::resources::resource::tests::resource();
        assert!(client.may_use(&resource));
        resource.owner_client_id.clear();
        assert!(!client.may_use(&resource));
        client.resources = vec![resource.id.clone()];
        assert!(!client.may_use(&resource), "it registered itself");
        client.origin = ClientOrigin::Administered;
        assert!(client.may_use(&resource));
        resource.id = "http://localhost:9500/other".to_owned();
        assert!(!client.may_use(&resource));
    }

    #[test]
    fn lives_a_day_until_confirmed_and_ends_when_removed() {
        let mut client = client("c");
        assert!(client.is_alive(1000 + UNCONFIRMED_LIFETIME_SECONDS - 1));
        assert!(!client.is_alive(1000 + UNCONFIRMED_LIFETIME_SECONDS));
        client.confirmed_at = Some(1500);
        assert!(client.is_alive(1_000_000_000));
        client.removed_at = Some(1600);
        assert!(!client.is_alive(1600));
    }
}
