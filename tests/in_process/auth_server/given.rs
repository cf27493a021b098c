//! What token requests start from: users, clients, grants with their codes, families of refresh tokens.

use super::{
    Answer, TestServer,
    test_server::{RESOURCE, START},
};
use auth_server::{
    clients::{ApplicationType, AuthMethod, Client, ClientOrigin, GrantType, OpenIdMetadata},
    store::{self, authorization_grant::NewGrant},
    users::{Email, User},
};
use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::{
    binds,
    db::{Statement, StoreError},
    http::ClientAddress,
    protocol::{
        jwt::UnverifiedJws,
        opaque_token::{OpaqueToken, TokenHash, TokenKind},
        pkce::s256,
    },
    random::{SystemRandom, random_id},
};
use std::net::IpAddr;

/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const TOKEN: &str = "/oauth2/token";

pub const REDIRECT_URI: &str = "http://127.0.0.1:53117/callback";
pub const SECRET: &str = "postern_cs_a.secret~of-letters";

const COUNT_EVENTS: Statement =
    Statement::new("test.count_events", "SELECT COUNT(*) AS rows_there FROM audit_event WHERE kind = $1");
const COUNT_ASSERTIONS: Statement =
    Statement::new("test.count_assertions", "SELECT COUNT(*) AS rows_there FROM used_assertion WHERE client_id = $1");
const COUNT_CHANGES: Statement =
    Statement::new("test.count_changes", "SELECT COUNT(*) AS rows_there FROM change_log WHERE kind = $1");

/// A public client as MCP clients register themselves.
pub fn public_client(id: &str) -> Client {
    Client {
        id: id.to_owned(),
        name: id.to_owned(),
        origin: ClientOrigin::Dynamic,
        application_type: ApplicationType::Native,
        auth_method: AuthMethod::None,
        secret_hash: None,
        previous_secret: None,
        jwks: None,
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        grant_types: GrantType::SELF_REGISTERED.to_vec(),
        scope: "mcp.read mcp.write".parse().expect("scope"),
        resources: vec![],
        refresh_grace_seconds: None,
        software_id: None,
        software_version: None,
        client_uri: None,
        openid: OpenIdMetadata::default(),
        registered_from: None,
        registration_token_hash: None,
        created_at: START,
        confirmed_at: None,
        removed_at: None,
    }
}

/// A confidential client that an administrator made, for every grant; its secret is [`SECRET`].
pub fn confidential_client(id: &str) -> Client {
    Client {
        origin: ClientOrigin::Administered,
        application_type: ApplicationType::Web,
        auth_method: AuthMethod::ClientSecretBasic,
        secret_hash: Some(TokenHash::of(SECRET)),
        grant_types: GrantType::ALL.to_vec(),
        resources: vec![RESOURCE.to_owned()],
        confirmed_at: Some(START),
        ..public_client(id)
    }
}

/// What a user allowed.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    pub user: &'a str,
    pub client: &'a str,
    pub scope: &'a str,
    pub redirect_uri: &'a str,
    pub organization: Option<&'a str>,
}

impl Given<'_> {
    /// `mcp.read mcp.write` for the client `app` and the user `ann`.
    pub const USUAL: Given<'static> = Given {
        user: "ann",
        client: "app",
        scope: "mcp.read mcp.write",
        redirect_uri: REDIRECT_URI,
        organization: None,
    };
}

/// `Authorization: Basic`.
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

impl TestServer {
    /// A server with the user `ann` (member) and the public client `app`.
    pub async fn with_app() -> Self {
        Self::start().await.and_app().await
    }

    /// The same server with the user `ann` (member) and the public client `app`.
    pub async fn and_app(self) -> Self {
        let server = self;
        server.add_user("ann", &["member"]).await;
        server.add_client(&public_client("app")).await;
        server
    }

    pub async fn add_user(&self, id: &str, roles: &[&str]) {
        let user = &User {
            id: id.to_owned(),
            email: Email::parse(&format!("{id}@example.com")).expect("an address"),
            display_name: id.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            disabled_at: None,
        };
        // Only an administrator who has a password counts as one; nobody signs in with this.
        let hash = user.is_administrator().then_some("no password");
        let work = |mut tx| async move { store::user_account::insert(&mut tx, user, hash, START).await };
        assert!(self.app.store.write::<_, StoreError, _, _>(work).await.expect("inserted"));
    }

    pub async fn add_client(&self, client: &Client) {
        let work = |mut tx| async move { store::client::insert(&mut tx, client).await };
        self.app.store.write::<_, StoreError, _, _>(work).await.expect("inserted");
    }

    /// A grant as consent makes it; its code.
    pub async fn give(&self, given: &Given<'_>) -> String {
        let code = OpaqueToken::generate(TokenKind::AuthorizationCode, &SystemRandom);
        let now = shared::clock::Clock::now(&*self.clock);
        let scope = given.scope.parse().expect("scope");
        let (id, challenge) = (random_id(&SystemRandom), s256(VERIFIER));
        let grant = &NewGrant {
            id: &id,
            user_id: given.user,
            client_id: given.client,
            resource: RESOURCE,
            scope: &scope,
            organization_id: given.organization,
            redirect_uri: given.redirect_uri,
            code_hash: code.hash(),
            code_challenge: &challenge,
            code_expires_at: now + 60,
            nonce: None,
            authenticated_at: now - 5,
            created_at: now,
            expires_at: now + 90 * 24 * 3600,
        };
        let work = |mut tx| async move { store::authorization_grant::insert(&mut tx, grant).await };
        self.app.store.write::<_, StoreError, _, _>(work).await.expect("inserted");
        code.expose().to_owned()
    }

    /// The token request of `app` for a code.
    pub async fn redeem(&self, code: &str) -> Answer {
        self.post_form(
            TOKEN,
            &[("grant_type", "authorization_code"), ("client_id", "app"), ("code", code), ("code_verifier", VERIFIER)],
        )
        .await
    }

    /// A family of `app` and `ann`: its first refresh token.
    pub async fn family(&self) -> String {
        let answer = self.redeem(&self.give(&Given::USUAL).await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        // The client is confirmed now, and must be known to be.
        self.follow().await;
        answer.text("refresh_token")
    }

    /// The refresh request of `app`, with more parameters.
    pub async fn refresh_with(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
        form.extend_from_slice(more);
        self.post_form(TOKEN, &form).await
    }

    /// The refresh request of `app`.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.refresh_with(token, &[]).await
    }

    /// The refresh request of `app` from another address.
    pub async fn refresh_from(&self, address: &str, token: &str) -> Answer {
        let address: IpAddr = address.parse().expect("an address");
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
        let mut request = form_request(TOKEN, &form);
        request.extensions_mut().insert(ClientAddress::new(address));
        self.send(request).await
    }

    /// A form with an `Authorization` header.
    pub async fn post_form_as(&self, path: &str, authorization: &str, form: &[(&str, &str)]) -> Answer {
        let mut request = form_request(path, form);
        request.headers_mut().insert("authorization", authorization.parse().expect("a header"));
        self.send(request).await
    }

    /// Whether an access token is good, as this server sees it.
    pub async fn accepts(&self, access_token: &str) -> bool {
        let now = shared::clock::Clock::now(&*self.clock);
        auth_server::tokens::inspect(&self.app, access_token, now).await.expect("known").is_some()
    }

    /// How many events of this kind the audit log holds.
    pub async fn audited(&self, kind: &str) -> i64 {
        self.count(&COUNT_EVENTS, kind).await
    }

    /// How many assertions of this client are remembered.
    pub async fn used_assertions(&self, client_id: &str) -> i64 {
        self.count(&COUNT_ASSERTIONS, client_id).await
    }

    /// How many revocations of grants the change log holds.
    pub async fn revoked_grants(&self) -> i64 {
        self.count(&COUNT_CHANGES, "grant").await
    }

    async fn count(&self, statement: &'static Statement, kind: &str) -> i64 {
        let row = self.app.store.read().fetch_optional(statement, binds![kind]).await.expect("read").expect("a row");
        row.get("rows_there").expect("a number")
    }
}

/// A form as a request.
pub fn form_request(path: &str, form: &[(&str, &str)]) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    request.body(Body::from(body)).expect("a request")
}

impl Answer {
    /// A member of a JSON answer that is text.
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member}: {self:?}")).to_owned()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.error())
    }

    /// The claims of its access token, unverified.
    pub fn claims(&self) -> serde_json::Value {
        claims_of(&self.text("access_token"))
    }
}

/// The claims of a JWT, unverified.
pub fn claims_of(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Which key a JWT says that it was signed with, unverified.
pub fn kid_of(token: &str) -> String {
    let jws = UnverifiedJws::parse(token).expect("a JWS");
    jws.key_id().expect("a kid").to_owned()
}
