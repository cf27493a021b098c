//! `[[resource_server.trusted_issuers]]`: somebody else's authorization server, beside ours or in its place.

use super::{IssuerUrl, ResourceServerSettings};
use shared::{
    config::{Given, Kind, Problem, SettingValue},
    protocol::{
        jwk::JwsAlgorithm,
        jwt::{AssertionSigner, AssertionSignerError},
    },
    secret::Secret,
};
use std::{collections::HashSet, sync::Arc};

const NAME: &str = "resource_server.trusted_issuers";

shared::settings! {
    /// Another authorization server whose tokens are taken, beside ours or in its place (`own_authorization_server = false`). There may be any
    /// number of these tables, in the file only. Keys and endpoints are found through its metadata (RFC 8414 or OpenID Connect Discovery).
    /// See docs/trusted-issuers.md.
    pub struct TrustedIssuerSettings in "resource_server.trusted_issuers" {
        /// Its issuer, byte for byte as its metadata and its tokens say it, a slash at the end included.
        issuer: IssuerUrl,
        /// Whom its tokens must be for (`aud`): this one string, alone or among others. Without it the resource, byte for byte.
        audience: Option<String> where check_optional_text,
        /// Hosts beside the issuer's own that its metadata may name for keys and introspection: `name`, or `name:port`. Any other is refused.
        hosts: Vec<String> = "" where check_hosts,
        /// What its tokens may be signed with.
        algorithms: Vec<SignatureAlgorithm> = "ES256, RS256" where check_algorithms,
        /// Whether its tokens may say `typ: JWT`, or nothing, in place of `at+jwt` (RFC 9068). Then only the audience tells an access token
        /// from an ID token: it must not be the id of a client.
        accept_typ_jwt: bool = false,
        /// The claim that holds the scopes, as one string or as a list: `scope`, or `scp`.
        scope_claim: String = "scope" where check_claim,
        /// The claim that holds the client's id: `client_id`, or `azp`.
        client_id_claim: String = "client_id" where check_claim,
        /// The claim that holds the user's roles: a name, or names joined by dots such as `realm_access.roles`. Everybody is a `member`, too.
        roles_claim: Option<String> where check_optional_text,
        /// Which of its tokens it is asked about (RFC 7662): `never` any, the `opaque` ones (those that are no JWT), its `jwts` once they
        /// verified, or `all`. A JWT that nobody asks about is taken until it expires, also when it was revoked. Opaque tokens do not say whose
        /// they are, so one issuer at most may be asked about them.
        introspection: IntrospectionRule = "never",
        /// The client of that issuer as which this server asks.
        client_id: Option<String> where check_optional_text,
        /// That client's secret.
        client_secret: Option<Secret>,
        /// In place of a secret, that client's private key for `private_key_jwt`: P-256 as PKCS#8 PEM.
        private_key: Option<Secret> where super::check_private_key,
    }
}

/// A signature algorithm that a foreign issuer may use: all are asymmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureAlgorithm(pub JwsAlgorithm);

impl SettingValue for SignatureAlgorithm {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"ES256\"";

    fn expected() -> String {
        format!("one of {}", JwsAlgorithm::CLIENT.map(JwsAlgorithm::as_str).join(", "))
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = given.scalar()?;
        JwsAlgorithm::parse(&text).map(Self).ok_or_else(|| format!("{text:?} is not known"))
    }
}

/// Which tokens of an issuer it is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectionRule {
    /// None.
    Never,
    /// Those that are no JWT.
    Opaque,
    /// Its JWTs, once they verified.
    Jwts,
    /// All.
    All,
}

shared::setting_choice!(IntrospectionRule { Never = "never", Opaque = "opaque", Jwts = "jwts", All = "all" });

impl IntrospectionRule {
    /// Whether it is asked about tokens that are no JWT.
    pub fn takes_opaque(self) -> bool {
        matches!(self, Self::Opaque | Self::All)
    }

    /// Whether it is asked about JWTs that verified.
    pub fn doubts_jwts(self) -> bool {
        matches!(self, Self::Jwts | Self::All)
    }
}

/// How this server proves at an issuer who it is.
#[derive(Clone)]
pub enum ClientProof {
    /// A secret (RFC 6749 §2.3.1).
    Secret(Secret),
    /// A key (RFC 7523 §2.2).
    Key(Arc<AssertionSigner>),
}

impl TrustedIssuerSettings {
    /// What this server proves itself with; none when it never asks.
    ///
    /// # Errors
    /// The key is no key, which loading the settings excludes.
    pub fn proof(&self) -> Result<Option<(String, ClientProof)>, AssertionSignerError> {
        let Some(client_id) = self.client_id.clone().filter(|_| self.introspection != IntrospectionRule::Never) else {
            return Ok(None);
        };
        let key = self.private_key.as_ref().map(|key| AssertionSigner::from_pkcs8_pem(key.expose())).transpose()?;
        let key = key.map(|signer| ClientProof::Key(Arc::new(signer)));
        Ok(key.or_else(|| self.client_secret.clone().map(ClientProof::Secret)).map(|proof| (client_id, proof)))
    }

    fn incomplete(&self) -> Option<(&'static str, &'static str)> {
        let proofs = usize::from(self.client_secret.is_some()) + usize::from(self.private_key.is_some());
        match (self.introspection, self.client_id.is_some(), proofs) {
            (IntrospectionRule::Never, false, 0) => None,
            (IntrospectionRule::Never, ..) => {
                Some(("introspection", "is never, so the client of the issuer is of no use; remove it, or ask"))
            }
            (_, false, _) => Some(("client_id", "is missing: introspection needs a client of the issuer")),
            (_, true, 0) => {
                Some(("client_secret", "is missing: introspection needs a secret or a private_key of the client"))
            }
            (_, true, 1) => None,
            (_, true, _) => Some(("private_key", "is given together with client_secret; give one of them")),
        }
    }
}

/// What contradicts what among `issuers` and with the server's `own` settings.
pub(super) fn contradictions(own: &ResourceServerSettings, issuers: &[TrustedIssuerSettings]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |key: &str, message: String| problems.push(Problem::new(format!("{NAME}{key}"), message));
    if !own.own_authorization_server && issuers.is_empty() {
        wrong(
            "",
            "names nobody, and resource_server.own_authorization_server is off: no token would ever be good".to_owned(),
        );
    }
    let mut known = HashSet::new();
    if own.own_authorization_server {
        known.insert(own.issuer.as_str());
    }
    for settings in issuers {
        let issuer = settings.issuer.as_str();
        if !known.insert(issuer) {
            wrong(".issuer", format!("{issuer:?} is there twice, or is our own authorization server"));
        }
        if let Some((key, message)) = settings.incomplete() {
            wrong(&format!(".{key}"), format!("of {issuer:?} {message}"));
        }
    }
    let takes_opaque = |settings: &&TrustedIssuerSettings| settings.introspection.takes_opaque();
    if issuers.iter().filter(takes_opaque).count() > 1 {
        let message = "takes opaque tokens for two issuers: an opaque token does not say whose it is, and must not be shown to another";
        wrong(".introspection", message.to_owned());
    }
    problems
}

fn check_optional_text(text: &Option<String>) -> Result<(), String> {
    text.as_ref().map_or(Ok(()), check_claim)
}

#[expect(clippy::ptr_arg, reason = "a check takes the type of its setting")]
fn check_claim(text: &String) -> Result<(), String> {
    let usable = !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control);
    if usable { Ok(()) } else { Err("is to be 1 to 512 characters of text".to_owned()) }
}

#[expect(clippy::ptr_arg, reason = "a check takes the type of its setting")]
fn check_hosts(hosts: &Vec<String>) -> Result<(), String> {
    let is_host = |host: &&String| {
        url::Url::parse(&format!("https://{host}")).is_ok_and(|url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            url.host_str().is_some_and(|name| **host == format!("{name}{port}"))
        })
    };
    match hosts.iter().find(|host| !is_host(host)) {
        Some(host) => Err(format!("{host:?} is no host; write one like keys.example.com or keys.example.com:8443")),
        None => Ok(()),
    }
}

#[expect(clippy::ptr_arg, reason = "a check takes the type of its setting")]
fn check_algorithms(algorithms: &Vec<SignatureAlgorithm>) -> Result<(), String> {
    if algorithms.is_empty() { Err("names none".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use shared::config::Sources;

    fn load(toml: &str) -> Result<Settings, String> {
        let sources = Sources::new().with_file_text("postern.toml", toml).map_err(|error| error.to_string())?;
        Settings::load(&sources).map_err(|error| error.to_string())
    }

    fn issuer(more: &str) -> String {
        format!("[[resource_server.trusted_issuers]]\nissuer = \"https://id.example.com/realms/main\"\n{more}\n")
    }

    #[test]
    fn an_issuer_is_enough() {
        let settings = load(&issuer("")).expect("settings");
        let trusted = &settings.trusted_issuers[0];
        assert_eq!((trusted.algorithms.len(), trusted.accept_typ_jwt, trusted.audience.is_none()), (2, false, true));
        assert!(trusted.proof().expect("no key").is_none());
        let alone = format!("[resource_server]\nown_authorization_server = false\n{}", issuer(""));
        load(&alone).expect("settings").check_identity().expect("nothing is missing");
    }

    #[test]
    fn everything_that_contradicts_is_named_at_once() {
        let text = [
            "[resource_server]\nissuer = \"https://auth.example.com\"\n".to_owned(),
            issuer("introspection = \"opaque\""),
            issuer("introspection = \"all\"\nclient_id = \"mcp\"\nclient_secret = \"a\"\nprivate_key = \"\"\"b\"\"\"\nhosts = [\"https://x\"]\nalgorithms = [\"HS256\"]"),
        ]
        .concat();
        let error = load(&text).expect_err("values");
        for words in ["private_key", "hosts", "algorithms", "line 1"] {
            assert!(error.contains(words), "{words} in {error}");
        }
        let text = [
            "[resource_server]\nissuer = \"https://auth.example.com\"\n".to_owned(),
            issuer("introspection = \"opaque\""),
            issuer("introspection = \"all\"\nclient_id = \"mcp\"\nclient_secret = \"a\""),
            "[[resource_server.trusted_issuers]]\nissuer = \"https://auth.example.com\"\nclient_id = \"mcp\"\n"
                .to_owned(),
        ]
        .concat();
        let error = load(&text).expect_err("contradictions");
        for words in [
            "client_id: of",
            "there twice",
            "opaque tokens for two issuers",
            "introspection: of \"https://auth.example.com\" is never",
        ] {
            assert!(error.contains(words), "{words} in {error}");
        }
        assert_eq!(error.matches("there twice").count(), 2, "{error}");
        let asked = issuer("introspection = \"jwts\"\nclient_id = \"mcp\"\nclient_secret = \"a\"");
        let both = [asked.clone(), asked.replace("realms/main", "realms/other")].concat();
        assert_eq!(load(&both).expect("each is asked about its own JWTs").trusted_issuers.len(), 2);
        let nobody = load("[resource_server]\nown_authorization_server = false\n").expect_err("nobody");
        assert!(nobody.contains("names nobody"), "{nobody}");
    }

    #[test]
    fn hosts_are_plain_and_secrets_are_not_shown() {
        for host in ["keys.example.com", "keys.example.com:8443", "127.0.0.1:9000", "[::1]:9000"] {
            assert!(load(&issuer(&format!("hosts = [\"{host}\"]"))).is_ok(), "{host}");
        }
        for host in ["", "a/b", "a:443", "A.example", "user@a", "a b", "*.example.com/"] {
            assert!(load(&issuer(&format!("hosts = [\"{host}\"]"))).is_err(), "{host}");
        }
        let secret = issuer("introspection = \"opaque\"\nclient_id = \"mcp\"\nclient_secret = \"hunter2hunter2\"");
        assert!(!format!("{:?}", load(&secret).expect("settings")).contains("hunter2"));
    }
}
