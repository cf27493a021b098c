//! A public OAuth client as desktop applications are: registers itself, authorizes through a person, redeems, refreshes.

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::person::Person;

/// Long enough for RFC 7636 §4.1; a test needs no secrecy.
const VERIFIER: &str = "a-verifier-of-the-tests-that-is-long-enough-0123456789";

/// A registered client and the tokens it holds.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    http: reqwest::Client,
    issuer: String,
    resource: String,
    /// Its registered redirect URI.
    pub redirect_uri: String,
    /// Its client id.
    pub client_id: String,
    /// The newest access token, empty before the first.
    pub access_token: String,
    /// The newest refresh token, empty before the first.
    pub refresh_token: String,
}

/// What the token endpoint said.
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// Status of the answer.
    pub status: u16,
    /// Its JSON body.
    pub body: Value,
}

impl OAuthClient {
    /// Registers a public client at the issuer (RFC 7591).
    ///
    /// # Errors
    /// When the registration is refused; shows the answer.
    pub async fn register(issuer: &str, resource: &str, name: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::new();
        let redirect_uri = "http://127.0.0.1:1/callback".to_owned();
        let metadata = json!({
            "client_name": name, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "post_logout_redirect_uris": [redirect_uri],
        });
        let response = http.post(format!("{issuer}/oauth2/register")).json(&metadata).send().await?;
        let status = response.status();
        let body: Value = response.json().await?;
        ensure!(status.as_u16() == 201, "registration answered {status}: {body}");
        let client_id = body["client_id"].as_str().context("an answer without client_id")?.to_owned();
        Ok(Self {
            http,
            issuer: issuer.into(),
            resource: resource.into(),
            redirect_uri,
            client_id,
            access_token: String::new(),
            refresh_token: String::new(),
        })
    }

    /// The URL to send a person to.
    ///
    /// # Errors
    /// When the issuer is not a URL.
    pub fn authorization_url(&self, scope: &str) -> anyhow::Result<String> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut url = Url::parse(&format!("{}/oauth2/authorize", self.issuer))?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", scope),
            ("state", "a state"),
            ("resource", &self.resource),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url.into())
    }

    /// Sends a person through the authorization endpoint and returns the code.
    ///
    /// # Errors
    /// When the person comes back without one.
    pub async fn code(&self, person: &mut Person, scope: &str) -> anyhow::Result<String> {
        let callback = person.allow(&self.authorization_url(scope)?, &self.redirect_uri).await?;
        let code = callback.query_pairs().find(|(name, _)| name == "code").map(|(_, value)| value.into_owned());
        code.with_context(|| format!("came back with {callback}"))
    }

    /// The body of a token request that redeems a code.
    pub fn code_body(&self, code: &str) -> String {
        self.body(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ])
    }

    /// The body of a token request that refreshes with the newest refresh token.
    pub fn refresh_body(&self) -> String {
        self.body(&[("grant_type", "refresh_token"), ("refresh_token", &self.refresh_token)])
    }

    fn body(&self, pairs: &[(&str, &str)]) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(pairs).extend_pairs([("client_id", &self.client_id), ("resource", &self.resource)]);
        body.finish()
    }

    /// Goes through the whole flow and keeps the tokens.
    ///
    /// # Errors
    /// When the code is not redeemed; shows the answer.
    pub async fn authorize(&mut self, person: &mut Person, scope: &str) -> anyhow::Result<()> {
        let code = self.code(person, scope).await?;
        let answer = self.send(self.code_body(&code)).await?;
        ensure!(answer.status == 200, "the code was answered {}: {}", answer.status, answer.body);
        self.keep(&answer.body)
    }

    /// Refreshes and keeps the new tokens when it is granted.
    ///
    /// # Errors
    /// When no answer comes: the tokens held stay what they were.
    pub async fn refresh(&mut self) -> anyhow::Result<TokenAnswer> {
        let answer = self.send(self.refresh_body()).await?;
        if answer.status == 200 {
            self.keep(&answer.body)?;
        }
        Ok(answer)
    }

    /// Takes the tokens out of an answer.
    ///
    /// # Errors
    /// When one is missing.
    pub fn keep(&mut self, body: &Value) -> anyhow::Result<()> {
        let token =
            |name: &str| body[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in the answer"));
        (self.access_token, self.refresh_token) = (token("access_token")?, token("refresh_token")?);
        Ok(())
    }

    async fn send(&self, body: String) -> anyhow::Result<TokenAnswer> {
        let request = self.http.post(format!("{}/oauth2/token", self.issuer));
        let response = request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await?;
        Ok(TokenAnswer { status: response.status().as_u16(), body: response.json().await? })
    }
}
