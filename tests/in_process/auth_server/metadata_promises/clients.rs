//! A server with a person and the clients that can use each thing it advertises.

use crate::auth_server::{
    Answer, TestServer,
    assertion_key::AssertionKey,
    browser::Browser,
    given::{SECRET, basic, confidential_client},
    test_server::RESOURCE,
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};
use auth_server::clients::{AuthMethod, Client, GrantType};
use serde_json::{Value, json};
use shared::{
    protocol::jwt::CLIENT_ASSERTION_TYPE,
    random::{SystemRandom, random_id},
};

/// Everybody who keeps the promises.
pub struct Setting {
    pub server: TestServer,
    /// The path of the issuer.
    pub base: String,
    /// A public client that registered itself.
    pub public: String,
}

/// A client assertion's key with its client.
pub struct Signer {
    pub id: String,
    pub key: AssertionKey,
}

impl Setting {
    pub async fn of(server: TestServer) -> Self {
        server.add_administrator("ada@example.com").await;
        let machine = Client { grant_types: vec![GrantType::ClientCredentials], ..confidential_client("machine") };
        let post = Client { auth_method: AuthMethod::ClientSecretPost, ..confidential_client("post") };
        for client in [&machine, &post, &confidential_client("basic")] {
            server.add_client(client).await;
        }
        let base = server.app.settings.auth_server.public_url.path().to_owned();
        let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none" });
        let public = server.post_json("/register", &document).await.text("client_id");
        Self { server, base, public }
    }

    /// The path of an advertised URL.
    pub fn path(&self, url: &Value) -> Result<String, String> {
        let origin = self.server.app.settings.auth_server.public_url.origin().to_owned();
        let path = url.as_str().and_then(|url| url.strip_prefix(&origin));
        path.map(str::to_owned).ok_or(format!("{url} is elsewhere"))
    }

    /// A browser in which the administrator signed in.
    pub async fn browser(&self) -> Browser<'_> {
        Browser::signed_in_below(&self.server, &self.base, "ada@example.com", PASSWORD).await
    }

    /// An authorization request of a client.
    pub fn ask(&self, client: &str) -> Ask {
        Ask::of(client).below(&self.base)
    }

    /// What the person's decision brings back to the client.
    pub async fn allow(&self, ask: &Ask) -> std::collections::BTreeMap<String, String> {
        let mut browser = self.browser().await;
        let form = consent_form(&mut browser, ask).await.with("decision", "allow");
        brought(&browser.submit(&form).await, WEBSITE)
    }

    /// The tokens of the public client for what it asks.
    pub async fn connect(&self, ask: &Ask) -> Answer {
        let code = self.allow(ask).await["code"].clone();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", ask.client_id()),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", WEBSITE),
        ];
        let answer = self.server.post_form("/token", &form).await;
        self.server.follow().await;
        answer
    }

    /// A token of the machine.
    pub async fn machine_token(&self, path: &str) -> Answer {
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        self.server.post_form_as(path, &basic("machine", SECRET), &form).await
    }

    /// A client that registers itself with a key of this algorithm.
    pub async fn signer(&self, algorithm: &'static str) -> Signer {
        let key = AssertionKey::generate(algorithm);
        let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [key.public_jwk()] } });
        let id = self.server.post_json("/register", &document).await.text("client_id");
        Signer { id, key }
    }

    /// Calls an endpoint for clients as `signer`, with a token that means nothing.
    pub async fn as_signer(&self, path: &str, signer: &Signer) -> Answer {
        let now = shared::clock::Clock::now(&*self.server.clock);
        let claims = json!({ "iss": signer.id, "sub": signer.id, "aud": self.server.app.issuer, "iat": now, "exp": now + 60,
            "jti": random_id(&SystemRandom) });
        let assertion = signer.key.sign(&claims);
        let proof = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", &*assertion)];
        self.server.post_form(path, &[&Self::NOTHING[..], &proof].concat()).await
    }

    /// What every endpoint for clients understands, and what changes nothing.
    pub const NOTHING: [(&'static str, &'static str); 3] =
        [("token", "x"), ("grant_type", "refresh_token"), ("refresh_token", "x")];

    /// Calls an endpoint for clients by one of the methods; whether the client was let in.
    pub async fn lets_in(&self, path: &str, method: &str) -> Result<bool, String> {
        let secret = ("client_secret", SECRET);
        let with = |more: &[(&'static str, &'static str)]| [&Self::NOTHING[..], more].concat();
        let answer = match method {
            "none" => {
                let form = [&Self::NOTHING[..], &[("client_id", self.public.as_str())]].concat();
                self.server.post_form(path, &form).await
            }
            "client_secret_basic" => self.server.post_form_as(path, &basic("basic", SECRET), &Self::NOTHING).await,
            "client_secret_post" => self.server.post_form(path, &with(&[("client_id", "post"), secret])).await,
            "private_key_jwt" => self.as_signer(path, &self.signer("ES256").await).await,
            other => return Err(format!("nobody here knows {other}")),
        };
        Ok(is_let_in(&answer))
    }
}

/// Whether the client was known; what it asked for is nothing, and is told so.
pub fn is_let_in(answer: &Answer) -> bool {
    answer.status == 200 || answer.error() == "invalid_grant"
}
