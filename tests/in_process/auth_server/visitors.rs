//! The people and clients of the tests, and what a client asks.

use super::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    test_server::{RESOURCE, RESOURCE_SERVER, START},
};
use auth_server::{
    audit::Actor,
    resources::register_resource::register_resource,
    store::user_account,
    users::{Email, NewUser, User, add_user},
};
use serde_json::json;
use shared::{
    db::Statement,
    protocol::{pkce::s256, resource_document::ResourceDocument},
    secret::Secret,
};
use std::collections::BTreeMap;

/// What every person of the tests signs in with.
pub const PASSWORD: &str = "turnips under the moon";
/// A site's redirect URI.
pub const WEBSITE: &str = "https://client.example/callback";
/// A local program's redirect URI, without the port it will have.
pub const LOOPBACK: &str = "http://127.0.0.1/callback";
/// An app's redirect URI.
pub const APP: &str = "cursor://anysphere.cursor-mcp/oauth/callback";
/// What every client of the tests proves itself with.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-test";

impl TestServer {
    /// A member.
    pub async fn add_member(&self, email: &str) -> User {
        self.add_person(email, false).await
    }

    /// An administrator.
    pub async fn add_administrator(&self, email: &str) -> User {
        self.add_person(email, true).await
    }

    async fn add_person(&self, email: &str, is_administrator: bool) -> User {
        let password = Secret::new(PASSWORD);
        let new = NewUser { email, display_name: "", password: Some(&password), is_administrator };
        let app = &self.app;
        add_user(&app.store, &app.passwords, &*app.random, &Actor::CommandLine, &new, START)
            .await
            .expect("a new account")
    }

    /// The id of who has this address.
    pub async fn user_id(&self, email: &str) -> String {
        let email = Email::parse(email).expect("an address");
        let account = user_account::find_by_email(&mut self.app.store.read(), &email).await.expect("read");
        account.expect("an account").user.id
    }

    /// A client that registers itself with every kind of redirect URI; returns its id.
    pub async fn register_client(&self, name: &str) -> String {
        self.register_client_with(name, &[WEBSITE, LOOPBACK, APP]).await
    }

    /// A client that registers itself; returns its id.
    pub async fn register_client_with(&self, name: &str, redirect_uris: &[&str]) -> String {
        let document =
            json!({ "client_name": name, "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none" });
        let answer = self.post_json("/oauth2/register", &document).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["client_id"].as_str().expect("an id").to_owned()
    }

    /// The resource server registers its resource with another tool behind a scope.
    pub async fn change_tools(&self) {
        let resource = self.app.resources.find(RESOURCE).expect("registered");
        let mut scopes = resource.scopes.clone();
        scopes[0].tools.push("read_everything".to_owned());
        let document = ResourceDocument {
            resource: RESOURCE.to_owned(),
            name: resource.name.clone(),
            scopes,
            access_token_ttl_seconds: resource.access_token_ttl_seconds,
            algorithm: Some(resource.algorithm),
        };
        register_resource(&self.app.store, &*self.app.random, RESOURCE_SERVER, &document, START)
            .await
            .expect("registered");
        self.follow().await;
    }

    /// How many rows there are in the tables that a request could touch.
    pub async fn rows(&self) -> i64 {
        const COUNT: Statement = Statement::new(
            "test.count",
            "SELECT (SELECT count(*) FROM authorization_grant) + (SELECT count(*) FROM decided_request) \
             + (SELECT count(*) FROM browser_session) + (SELECT count(*) FROM audit_event) \
             + (SELECT count(*) FROM remembered_consent) + (SELECT count(*) FROM one_time_link) AS n",
        );
        self.number(&COUNT).await
    }

    /// How many grants there are.
    pub async fn grants(&self) -> i64 {
        const COUNT: Statement = Statement::new("test.grants", "SELECT count(*) AS n FROM authorization_grant");
        self.number(&COUNT).await
    }

    /// The number that `statement` selects as `n`.
    pub async fn number(&self, statement: &'static Statement) -> i64 {
        let row = self.app.store.read().fetch_optional(statement, []).await.expect("an answer");
        row.expect("a row").get("n").expect("a number")
    }
}

/// An authorization request with everything right, to be made wrong.
#[derive(Clone)]
pub struct Ask {
    parameters: BTreeMap<String, String>,
    base: String,
}

impl Ask {
    /// What a correct client asks.
    pub fn of(client_id: &str) -> Self {
        let challenge = s256(VERIFIER);
        let pairs = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", WEBSITE),
            ("scope", "mcp.read mcp.write"),
            ("state", "st-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
        ];
        let parameters = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { parameters, base: String::new() }
    }

    /// With another value; an empty one leaves the parameter out.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// At an issuer with this path.
    pub fn below(self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self }
    }

    /// Who asks.
    pub fn client_id(&self) -> &str {
        &self.parameters["client_id"]
    }

    /// The path to load.
    pub fn path(&self) -> String {
        let sent = self.parameters.iter().filter(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(sent).finish();
        format!("{}/oauth2/authorize?{query}", self.base)
    }
}

/// The parameters that an answer brings to the client at `base`.
pub fn brought(answer: &Answer, base: &str) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location");
    let query = location.strip_prefix(base).and_then(|rest| rest.strip_prefix('?'));
    let query = query.unwrap_or_else(|| panic!("{location} does not lead to {base}"));
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Asks in a signed-in browser; returns the consent form.
pub async fn consent_form(browser: &mut Browser<'_>, ask: &Ask) -> Form {
    let page = browser.get(&ask.path()).await;
    assert_eq!(page.status, 200, "{page:?}");
    form(&page, "consent-form")
}
