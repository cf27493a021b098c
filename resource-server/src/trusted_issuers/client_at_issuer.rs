//! Who this server is at a foreign issuer, and how it proves that when it asks about a token.

use crate::{
    config::ClientProof,
    issuer::fetch::{FetchError, Fetcher},
};
use shared::{clock::UnixSeconds, protocol::jwt::CLIENT_ASSERTION_TYPE, random::SharedRandom};
use url::form_urlencoded;

/// `client_secret_post` of OpenID Connect Core §9, for issuers that take nothing else.
const SECRET_IN_FORM: &str = "client_secret_post";
const SECRET_IN_HEADER: &str = "client_secret_basic";

/// A client of a foreign issuer.
pub struct ClientAtIssuer {
    /// Its id.
    pub id: String,
    /// What it proves itself with.
    pub proof: ClientProof,
    /// For assertions.
    pub random: SharedRandom,
}

impl ClientAtIssuer {
    /// The request that asks `url` of the issuer `issuer`, which says that it takes `methods`, about `token` (RFC 7662 §2.1).
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] when the key does not sign.
    pub fn question(
        &self,
        fetcher: &Fetcher,
        url: &str,
        issuer: &str,
        methods: &[String],
        token: &str,
        now: UnixSeconds,
    ) -> Result<reqwest::RequestBuilder, FetchError> {
        let about = [("token", token), ("token_type_hint", "access_token")];
        let takes = |method: &str| methods.iter().any(|each| each == method);
        match &self.proof {
            ClientProof::Secret(secret) if takes(SECRET_IN_FORM) && !takes(SECRET_IN_HEADER) => {
                let proof = [("client_id", self.id.as_str()), ("client_secret", secret.expose())];
                Ok(fetcher.post_form(url, &[about, proof].concat()))
            }
            ClientProof::Secret(secret) => {
                // RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                Ok(fetcher.post_form(url, &about).basic_auth(encoded(&self.id), Some(encoded(secret.expose()))))
            }
            ClientProof::Key(signer) => {
                let failed = |cause| FetchError::Unreachable { url: url.to_owned(), cause };
                let assertion = signer.sign(&self.id, issuer, now, &*self.random);
                let assertion = assertion.map_err(|cause| failed(cause.to_string()))?;
                let proof = [
                    ("client_id", self.id.as_str()),
                    ("client_assertion_type", CLIENT_ASSERTION_TYPE),
                    ("client_assertion", &assertion),
                ];
                Ok(fetcher.post_form(url, &[&about[..], &proof[..]].concat()))
            }
        }
    }
}
