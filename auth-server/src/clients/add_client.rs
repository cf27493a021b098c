//! A client that an administrator makes: fixed grants, resources and scopes.

use super::{
    ApplicationType, AuthMethod, Client, ClientOrigin, GrantType, OpenIdMetadata,
    redirect_uri::{RedirectUriRefusal, check_registrable, is_local},
    registration::give_identity,
};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    identity,
    resources::Resource,
    store,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::{resource_indicator::equivalent, scope::ScopeSet, token_algorithm::TokenAlgorithm},
    random::Random,
    secret::Secret,
};

/// What an administrator asks for.
#[derive(Debug)]
pub struct NewClient<'a> {
    /// What people call it.
    pub name: &'a str,
    /// The grants it may use.
    pub grants: &'a [String],
    /// The scopes it may ask for.
    pub scope: &'a str,
    /// The resources it may ask for; empty means any.
    pub resources: &'a [String],
    /// Where codes may be sent.
    pub redirect_uris: &'a [String],
    /// Where a browser may be sent after signing out.
    pub post_logout_redirect_uris: &'a [String],
    /// How its ID tokens are signed; absent means the server's default.
    pub id_token_algorithm: Option<TokenAlgorithm>,
    /// Whether it cannot keep a secret.
    pub is_public: bool,
}

/// What clients can be made for.
#[derive(Debug, Clone, Copy)]
pub struct Installation<'a> {
    /// The issuer, whose own interface can be given to a client by name.
    pub issuer: &'a str,
    /// Schemes beyond https and loopback http that a redirect URI may have.
    pub redirect_schemes: &'a [String],
}

impl Installation<'_> {
    /// Every resource that a client can be made for.
    pub(super) async fn resources(&self, store: &Store) -> Result<Vec<Resource>, StoreError> {
        let mut registered = store::resource::list(&mut store.read()).await?;
        registered.push(Resource::administration(self.issuer));
        Ok(registered)
    }
}

/// Why a client was not made.
#[derive(Debug, thiserror::Error)]
pub enum AddClientRefusal {
    /// A name with control characters, or none.
    #[error("the name must be one line of 1 to 200 characters")]
    Name,
    /// An unknown grant.
    #[error("{0:?} is no grant of this server; there are authorization_code, refresh_token and client_credentials")]
    Grant(String),
    /// RFC 6749 §4.4.2.
    #[error("client_credentials needs a client that can keep a secret")]
    PublicMachine,
    /// A machine for everything.
    #[error("client_credentials needs --resource and --scope: a machine gets fixed resources and scopes")]
    UnboundMachine,
    /// A code has to be sent somewhere.
    #[error("authorization_code needs --redirect-uri")]
    NoRedirectUri,
    /// A redirect URI that is not acceptable.
    #[error("the redirect URI {0:?} is not acceptable: {1}")]
    RedirectUri(String, RedirectUriRefusal),
    /// A resource that nobody registered.
    #[error("{0:?} is not registered; `resource list` shows what is")]
    UnknownResource(String),
    /// RFC 6749 §3.3.
    #[error("the scope is not well formed: {0}")]
    Scope(shared::protocol::scope::ScopeError),
    /// A scope of no resource it may ask for.
    #[error("{0} is no scope of its resources; they have: {1}")]
    UnknownScope(String, String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a client and its secret.
///
/// # Errors
/// See [`AddClientRefusal`].
pub async fn add_client(
    store: &Store,
    installation: Installation<'_>,
    random: &dyn Random,
    by: &Actor,
    new: &NewClient<'_>,
    now: UnixSeconds,
) -> Result<(Client, Option<Secret>), AddClientRefusal> {
    let registered = installation.resources(store).await?;
    let client = check(new, installation.redirect_schemes, &registered, now)?;
    let (client, secret) = give_identity(client, random);
    let event = &AuditEvent::new(AuditKind::ClientAdded, random, now).client(&client.id).by(by);
    let written = &client;
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            store::client::insert(tx, written).await?;
            change_log::append(tx, Change::ClientChanged(&written.id), now).await?;
            audit::record(tx, event).await?;
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok((client, secret))
}

/// The client that `new` describes, without id and secret.
pub(super) fn check(
    new: &NewClient<'_>,
    redirect_schemes: &[String],
    registered: &[Resource],
    now: UnixSeconds,
) -> Result<Client, AddClientRefusal> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(AddClientRefusal::Name);
    }
    let grant = |word: &String| GrantType::parse(word).ok_or_else(|| AddClientRefusal::Grant(word.clone()));
    let grant_types: Vec<GrantType> = new.grants.iter().map(grant).collect::<Result<_, _>>()?;
    for uri in new.redirect_uris.iter().chain(new.post_logout_redirect_uris) {
        check_registrable(uri, redirect_schemes).map_err(|why| AddClientRefusal::RedirectUri(uri.clone(), why))?;
    }
    if grant_types.contains(&GrantType::AuthorizationCode) && new.redirect_uris.is_empty() {
        return Err(AddClientRefusal::NoRedirectUri);
    }
    let resources = known_resources(new.resources, registered)?;
    let for_people = grant_types.iter().any(|grant| *grant != GrantType::ClientCredentials);
    let scope = known_scopes(new.scope, &resources, registered, for_people)?;
    if grant_types.contains(&GrantType::ClientCredentials) {
        if new.is_public {
            return Err(AddClientRefusal::PublicMachine);
        }
        if resources.is_empty() || scope.is_empty() {
            return Err(AddClientRefusal::UnboundMachine);
        }
    }
    Ok(Client {
        id: String::new(),
        name: name.to_owned(),
        origin: ClientOrigin::Administered,
        application_type: application_type(new.redirect_uris),
        auth_method: if new.is_public { AuthMethod::None } else { AuthMethod::ClientSecretBasic },
        secret_hash: None,
        previous_secret: None,
        jwks: None,
        redirect_uris: new.redirect_uris.to_vec(),
        grant_types,
        scope,
        resources,
        refresh_grace_seconds: None,
        software_id: None,
        software_version: None,
        client_uri: None,
        openid: OpenIdMetadata {
            post_logout_redirect_uris: new.post_logout_redirect_uris.to_vec(),
            id_token_signed_response_alg: new.id_token_algorithm,
            ..OpenIdMetadata::default()
        },
        registered_from: None,
        registration_token_hash: None,
        created_at: now,
        confirmed_at: Some(now),
        removed_at: None,
    })
}

fn application_type(redirect_uris: &[String]) -> ApplicationType {
    if redirect_uris.iter().any(|uri| is_local(uri)) { ApplicationType::Native } else { ApplicationType::Web }
}

fn known_resources(asked: &[String], registered: &[Resource]) -> Result<Vec<String>, AddClientRefusal> {
    let known =
        |id: &String| registered.iter().find(|resource| equivalent(&resource.id, id)).map(|found| found.id.clone());
    asked.iter().map(|id| known(id).ok_or_else(|| AddClientRefusal::UnknownResource(id.clone()))).collect()
}

/// The refusal names those of identity `for_people` only: a machine is nobody.
fn known_scopes(
    asked: &str,
    resources: &[String],
    registered: &[Resource],
    for_people: bool,
) -> Result<ScopeSet, AddClientRefusal> {
    let asked: ScopeSet = asked.parse().map_err(AddClientRefusal::Scope)?;
    let is_any = |resource: &Resource| resources.is_empty() && !resource.is_management();
    let usable = registered.iter().filter(|resource| is_any(resource) || resources.contains(&resource.id));
    let known = usable.fold(identity::scopes::all(), |known, resource| known.union(&resource.all_scopes()));
    let unknown = asked.difference(&known);
    if unknown.is_empty() {
        return Ok(asked);
    }
    let named = if for_people { known } else { known.difference(&identity::scopes::all()) };
    Err(AddClientRefusal::UnknownScope(unknown.to_string(), named.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{AddClientRefusal as Refusal, NewClient, check};
    use crate::resources::{Resource, resource::tests::resource};

    fn refusal(alter: impl Fn(&mut NewClient<'_>)) -> Option<Refusal> {
        let (grants, resources) = (["client_credentials".to_owned()], ["http://localhost:9500/mcp/".to_owned()]);
        let mut new = NewClient {
            name: "nightly",
            grants: &grants,
            scope: "mcp.read",
            resources: &resources,
            redirect_uris: &[],
            post_logout_redirect_uris: &[],
            id_token_algorithm: None,
            is_public: false,
        };
        alter(&mut new);
        check(&new, &[], &[resource()], 7).err()
    }

    #[test]
    fn machines_are_bound_and_confidential() {
        assert!(refusal(|_| {}).is_none());
        assert!(matches!(refusal(|new| new.is_public = true), Some(Refusal::PublicMachine)));
        assert!(matches!(refusal(|new| new.scope = ""), Some(Refusal::UnboundMachine)));
        assert!(matches!(refusal(|new| new.resources = &[]), Some(Refusal::UnboundMachine)));
        assert!(refusal(|new| new.scope = "openid email mcp.read").is_none());
        let Some(Refusal::UnknownScope(_, named)) = refusal(|new| new.scope = "mcp.everything") else {
            panic!("a scope that does not exist");
        };
        assert!(named.contains("mcp.read") && !named.contains("openid"), "{named}");
        assert!(matches!(refusal(|new| new.name = " "), Some(Refusal::Name)));
    }

    #[test]
    fn administration_is_given_by_name_and_enrolment_never() {
        let issuer = "http://localhost:9400";
        let (grants, named) = (["client_credentials".to_owned()], [format!("{issuer}/api")]);
        let made = |scope: &str, resources: &[String]| {
            let new = NewClient {
                name: "ops",
                grants: &grants,
                scope,
                resources,
                redirect_uris: &[],
                post_logout_redirect_uris: &[],
                id_token_algorithm: None,
                is_public: false,
            };
            check(&new, &[], &[resource(), Resource::administration(issuer)], 7).map(|client| client.scope.to_string())
        };
        assert_eq!(made("postern.admin", &named).expect("by name"), "postern.admin");
        assert!(matches!(made("postern.admin", &[]), Err(Refusal::UnknownScope(..))));
        assert!(matches!(made("postern.resource_server", &named), Err(Refusal::UnknownScope(..))));
        assert!(matches!(made("mcp.read", &named), Err(Refusal::UnknownScope(..))));
    }
}
