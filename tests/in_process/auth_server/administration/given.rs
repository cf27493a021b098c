//! A server with a machine that administers, and the tokens of others.

use super::super::{
    Answer, TestServer,
    given::{SECRET, TOKEN, basic, confidential_client},
};
use auth_server::{
    clients::Client,
    organizations::Standing,
    tokens::{AccessTokenRequest, GrantClaims, mint},
};
use axum::{body::Body, extract::Request};
use serde_json::Value;
use shared::{clock::Clock as _, db::Store, protocol::scope::ScopeSet, random::SystemRandom};

/// The machine that administers.
pub const OPS: &str = "ops";
/// The program of administrators.
pub const CONSOLE: &str = "console";

/// A client that an administrator gave the interface to.
pub fn administering_client(server: &TestServer, id: &str) -> Client {
    Client {
        resources: vec![format!("{}/api", server.app.issuer)],
        scope: "postern.admin postern.admin.read".parse().expect("scopes"),
        ..confidential_client(id)
    }
}

impl TestServer {
    /// A server with [`OPS`], [`CONSOLE`] and the administrator `root`.
    pub async fn administered() -> Self {
        Self::administered_with("").await
    }

    /// The same with these settings of `[auth_server]`.
    pub async fn administered_with(settings: &str) -> Self {
        Self::start_with(settings).await.and_administration().await
    }

    /// The same on this (migrated, empty) store.
    pub async fn administered_on(store: Store) -> Self {
        Self::start_on(store, "").await.and_administration().await
    }

    async fn and_administration(self) -> Self {
        let server = self;
        server.add_client(&administering_client(&server, OPS)).await;
        server.add_client(&administering_client(&server, CONSOLE)).await;
        server.add_user("root", &["administrator", "member"]).await;
        server
    }

    /// A token of the machine `id` for the interface, through the token endpoint.
    pub async fn token_of_machine(&self, id: &str, scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        self.post_form_as(TOKEN, &basic(id, SECRET), &form).await.text("access_token")
    }

    /// A token of a user for the interface, as a grant of `client` would give it.
    pub fn token_of_user(&self, user: &str, client: &str, scope: &str) -> String {
        let (resource, scope): (_, ScopeSet) = (self.app.resources.management(), scope.parse().expect("scopes"));
        let now = self.clock.now();
        let request = AccessTokenRequest {
            issuer: &self.app.issuer,
            subject: user,
            client_id: client,
            resource: &resource,
            scope: &scope,
            registered_scope: &scope,
            user: Some(GrantClaims {
                grant_id: "a-grant",
                grant_expires_at: now + 3600,
                authenticated_at: now,
                standing: &Standing { roles: vec!["administrator".to_owned()], organization: None },
            }),
        };
        let minted = mint(&request, &self.app.keys, &self.app.lifetimes, &SystemRandom, now).expect("signed");
        minted.token.expose().to_owned()
    }

    /// Calls an operation as [`OPS`].
    pub async fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        let token = self.token_of_machine(OPS, "postern.admin").await;
        self.call(method, &format!("/api/admin{path}"), &token, body).await
    }

    /// Looks as [`OPS`].
    pub async fn admin_get(&self, path: &str) -> Answer {
        self.admin("GET", path, &Value::Null).await
    }

    /// Calls an operation as [`OPS`] with one more header.
    pub async fn admin_with(&self, header: (&str, &str), method: &str, path: &str, body: &Value) -> Answer {
        let token = self.token_of_machine(OPS, "postern.admin").await;
        let request = Request::builder().method(method).uri(format!("/api/admin{path}"));
        let request = request.header("authorization", format!("Bearer {token}")).header(header.0, header.1);
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }
}
