//! What a foreign issuer must have said of a token, in a JWT that verified (RFC 9068 §2.2) or in an answer to introspection (RFC 7662 §2.2).

use crate::{
    bearer::principal::{Principal, PrincipalKey},
    config::TrustedIssuerSettings,
};
use serde_json::Value;
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::EXPIRY_LEEWAY_SECONDS,
        jwt::{FUTURE_TOLERANCE_SECONDS, JwtRefusal, Members, time_claim},
        resource_document::MEMBER_ROLE,
        scope::ScopeSet,
    },
};

/// Longer names of users and clients are refused.
const NAME_MAX_BYTES: usize = 512;
/// So many roles count.
const ROLES_MAX: usize = 100;
/// Claims that access tokens never have: those of ID tokens (OpenID Connect Core §2) and of events (RFC 8417 §2.2).
const CLAIMS_OF_OTHER_TOKENS: [&str; 3] = ["at_hash", "c_hash", "events"];
/// Where issuers say what a token is for: Ory Hydra, Amazon Cognito and HubSpot; OpenIddict; ForgeRock. Introspection knows refresh tokens, too, and
/// by most of these words alone are they told apart.
const USES: [&str; 3] = ["token_use", "token_usage", "tokenName"];
/// What they call an access token (Cognito the second).
const USES_OF_ACCESS_TOKENS: [&str; 2] = ["access_token", "access"];

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// The payload of a JWT: it must name its issuer and say when it was made.
    Jwt,
    /// An answer of the issuer itself, which may leave both out.
    Introspection,
}

/// The rules of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRules {
    /// What `iss` must be, byte for byte.
    pub issuer: String,
    /// What `aud` must be or hold, byte for byte.
    pub audience: String,
    /// Where the scopes are.
    pub scope_claim: String,
    /// Where the client's id is.
    pub client_id_claim: String,
    /// Where the roles are, if the issuer says.
    pub roles_claim: Option<String>,
}

impl ClaimRules {
    /// The rules that `settings` make for the resource `resource`.
    pub fn new(settings: &TrustedIssuerSettings, resource: &str) -> Self {
        Self {
            issuer: settings.issuer.as_str().to_owned(),
            audience: settings.audience.clone().unwrap_or_else(|| resource.to_owned()),
            scope_claim: settings.scope_claim.clone(),
            client_id_claim: settings.client_id_claim.clone(),
            roles_claim: settings.roles_claim.clone(),
        }
    }

    /// Who a token belongs to of which the issuer says this at `now`. Grants and organizations are our own issuer's words, so there are none.
    ///
    /// # Errors
    /// The first refusal.
    pub fn judge(&self, claims: &Members, statement: Statement, now: UnixSeconds) -> Result<Principal, JwtRefusal> {
        self.check_issuer(claims, statement)?;
        check_kind(claims)?;
        self.check_audience(claims.get("aud"))?;
        let expires_at = time_claim(claims, "exp")?.ok_or(JwtRefusal::Claim("exp"))?;
        let issued_at = match (time_claim(claims, "iat")?, statement) {
            (Some(issued_at), _) => issued_at,
            (None, Statement::Introspection) => now.min(expires_at - 1),
            (None, Statement::Jwt) => return Err(JwtRefusal::Claim("iat")),
        };
        check_times(issued_at, time_claim(claims, "nbf")?, expires_at, now)?;
        Ok(Principal {
            issuer: self.issuer.clone(),
            subject: name(claims.get("sub")).ok_or(JwtRefusal::Claim("sub"))?,
            client_id: name(member(claims, &self.client_id_claim)).ok_or(JwtRefusal::Claim("client_id"))?,
            scopes: scopes(member(claims, &self.scope_claim))?,
            registered_scopes: ScopeSet::default(),
            roles: self.roles(claims),
            grant_id: None,
            token_id: name(claims.get("jti")).unwrap_or_default(),
            organization_id: None,
            tenant_id: None,
            issued_at,
            expires_at,
        })
    }

    /// Who a token claims to be of, whatever else is wrong with it.
    pub fn claimed(&self, claims: &Members) -> Option<PrincipalKey> {
        let client_id = name(member(claims, &self.client_id_claim))?;
        Some(PrincipalKey::new(&self.issuer, &name(claims.get("sub"))?, &client_id))
    }

    fn check_issuer(&self, claims: &Members, statement: Statement) -> Result<(), JwtRefusal> {
        match (claims.get("iss"), statement) {
            (Some(Value::String(issuer)), _) if *issuer == self.issuer => Ok(()),
            (None, Statement::Introspection) => Ok(()),
            (Some(Value::String(_)), _) => Err(JwtRefusal::Issuer),
            _ => Err(JwtRefusal::Claim("iss")),
        }
    }

    /// Foreign issuers put several audiences into one token (RFC 7519 §4.1.3): ours must be among them.
    fn check_audience(&self, audience: Option<&Value>) -> Result<(), JwtRefusal> {
        let is_ours = |value: &Value| value.as_str() == Some(&self.audience);
        match audience {
            None => Err(JwtRefusal::Claim("aud")),
            Some(Value::Array(several)) if several.iter().any(is_ours) => Ok(()),
            Some(one) if is_ours(one) => Ok(()),
            Some(_) => Err(JwtRefusal::Audience),
        }
    }

    /// Whoever may sign in there is a member here; more is what the issuer says.
    fn roles(&self, claims: &Members) -> Vec<String> {
        let said = self.roles_claim.as_ref().and_then(|claim| member(claims, claim));
        let said = match said {
            Some(Value::Array(roles)) => roles.iter().filter_map(Value::as_str).take(ROLES_MAX).collect(),
            Some(Value::String(role)) => vec![role.as_str()],
            _ => Vec::new(),
        };
        let mut roles: Vec<String> = said
            .into_iter()
            .filter(|role| role.len() <= NAME_MAX_BYTES)
            .chain([MEMBER_ROLE])
            .map(str::to_owned)
            .collect();
        roles.sort();
        roles.dedup();
        roles
    }
}

/// What is bound to a key is no bearer token, and an ID, refresh or event token is no access token.
fn check_kind(claims: &Members) -> Result<(), JwtRefusal> {
    let is = |name: &str, words: &[&str]| {
        let one_of = |text: &str| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        claims.get(name).is_none_or(|value| value.as_str().is_some_and(one_of))
    };
    if claims.contains("cnf") || !is("token_type", &["bearer"]) {
        return Err(JwtRefusal::SenderConstrained);
    }
    // Keycloak says of each of its tokens what it is.
    let other = !is("typ", &["bearer"])
        || USES.iter().any(|claim| !is(claim, &USES_OF_ACCESS_TOKENS))
        || CLAIMS_OF_OTHER_TOKENS.iter().any(|claim| claims.contains(claim));
    if other { Err(JwtRefusal::Type) } else { Ok(()) }
}

fn check_times(
    issued_at: UnixSeconds,
    not_before: Option<UnixSeconds>,
    expires_at: UnixSeconds,
    now: UnixSeconds,
) -> Result<(), JwtRefusal> {
    if expires_at <= issued_at {
        return Err(JwtRefusal::Claim("exp"));
    }
    if now >= expires_at.saturating_add(EXPIRY_LEEWAY_SECONDS) {
        return Err(JwtRefusal::Expired);
    }
    let latest = now.saturating_add(FUTURE_TOLERANCE_SECONDS);
    if issued_at > latest || not_before.is_some_and(|time| time > latest) {
        Err(JwtRefusal::NotYetValid)
    } else {
        Ok(())
    }
}

/// The claim of that name, or along those names joined by dots.
fn member<'c>(claims: &'c Members, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
}

fn name(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    (1..=NAME_MAX_BYTES).contains(&text.len()).then(|| text.to_owned())
}

/// One string or a list of them; no claim is no scope.
fn scopes(value: Option<&Value>) -> Result<ScopeSet, JwtRefusal> {
    let malformed = JwtRefusal::Claim("scope");
    let text = match value {
        None => return Ok(ScopeSet::default()),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => {
            let words: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            words.ok_or(malformed)?.join(" ")
        }
        Some(_) => return Err(malformed),
    };
    text.parse().map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use super::{ClaimRules, Statement};
    use crate::bearer::principal::Principal;
    use serde_json::{Value, json};
    use shared::protocol::jwt::{JwtRefusal, Members};

    const NOW: i64 = 1_800_000_000;

    fn rules() -> ClaimRules {
        ClaimRules {
            issuer: "https://id.example/realms/main".into(),
            audience: "https://mcp.example/mcp".into(),
            scope_claim: "scope".into(),
            client_id_claim: "azp".into(),
            roles_claim: Some("realm_access.roles".into()),
        }
    }

    /// As Keycloak makes them.
    fn keycloak() -> Value {
        json!({
            "exp": NOW + 300, "iat": NOW, "jti": "onrtac:1", "iss": "https://id.example/realms/main",
            "aud": ["https://mcp.example/mcp", "account"], "sub": "f:1:ann", "typ": "Bearer", "azp": "inspector",
            "sid": "s", "acr": "1", "allowed-origins": ["*"], "realm_access": {"roles": ["administrator", "member"]},
            "scope": "openid mcp.read email", "preferred_username": "ann",
        })
    }

    fn members(claims: &Value) -> Members {
        Members::parse(claims.to_string().as_bytes()).expect("an object")
    }

    fn judge(claims: &Value, statement: Statement) -> Result<Principal, JwtRefusal> {
        rules().judge(&members(claims), statement, NOW)
    }

    #[test]
    fn a_token_of_keycloak_says_who_calls() {
        let principal = judge(&keycloak(), Statement::Jwt).expect("a principal");
        assert_eq!((principal.subject.as_str(), principal.client_id.as_str()), ("f:1:ann", "inspector"));
        assert_eq!(principal.scopes.to_string(), "email mcp.read openid");
        assert_eq!(principal.roles, ["administrator", "member"]);
        assert_eq!((principal.grant_id, principal.organization_id, principal.tenant_id), (None, None, None));
    }

    #[test]
    fn what_our_own_issuer_alone_may_say_does_not_count() {
        let mut claims = keycloak();
        for name in ["grant_id", "organization_id", "tenant_id", "roles"] {
            claims[name] = json!("administrator");
        }
        claims["realm_access"] = json!(null);
        let principal = judge(&claims, Statement::Jwt).expect("a principal");
        assert_eq!((principal.grant_id, principal.organization_id, principal.tenant_id), (None, None, None));
        assert_eq!(principal.roles, ["member"]);
    }

    #[test]
    fn scopes_are_a_string_or_a_list() {
        for (claim, value, scopes) in [
            ("scp", json!(["mcp.read", "mcp.write"]), Ok("mcp.read mcp.write")),
            ("scp", json!("mcp.write mcp.read"), Ok("mcp.read mcp.write")),
            ("https://a.example/scopes", json!([]), Ok("")),
            ("absent", json!(null), Ok("")),
            ("scp", json!(["a", 7]), Err(JwtRefusal::Claim("scope"))),
            ("scp", json!({"a": 1}), Err(JwtRefusal::Claim("scope"))),
            ("scp", json!("a\"b"), Err(JwtRefusal::Claim("scope"))),
        ] {
            let mut claims = keycloak();
            if claim != "absent" {
                claims[claim] = value.clone();
            }
            let rules = ClaimRules { scope_claim: claim.into(), ..rules() };
            let judged = rules.judge(&members(&claims), Statement::Jwt, NOW);
            assert_eq!(judged.map(|it| it.scopes.to_string()), scopes.map(str::to_owned), "{claim} {value}");
        }
    }

    #[test]
    fn each_fault_is_refused() {
        for (claim, value, refusal) in [
            ("iss", json!("https://id.example/realms/main/"), JwtRefusal::Issuer),
            ("iss", json!(["https://id.example/realms/main"]), JwtRefusal::Claim("iss")),
            ("aud", json!("account"), JwtRefusal::Audience),
            ("aud", json!(["https://mcp.example", "https://mcp.example/mcp/"]), JwtRefusal::Audience),
            ("aud", json!([["https://mcp.example/mcp"]]), JwtRefusal::Audience),
            ("aud", json!([]), JwtRefusal::Audience),
            ("sub", json!(""), JwtRefusal::Claim("sub")),
            ("sub", json!("s".repeat(513)), JwtRefusal::Claim("sub")),
            ("azp", json!(7), JwtRefusal::Claim("client_id")),
            ("exp", json!(NOW - 5), JwtRefusal::Expired),
            ("exp", json!("soon"), JwtRefusal::Claim("exp")),
            ("iat", json!(NOW + 61), JwtRefusal::NotYetValid),
            ("nbf", json!(NOW + 61), JwtRefusal::NotYetValid),
            ("cnf", json!({"jkt": "x"}), JwtRefusal::SenderConstrained),
            ("token_type", json!("DPoP"), JwtRefusal::SenderConstrained),
            ("typ", json!("ID"), JwtRefusal::Type),
            ("typ", json!("Refresh"), JwtRefusal::Type),
            ("token_use", json!("refresh_token"), JwtRefusal::Type),
            ("token_use", json!("id"), JwtRefusal::Type),
            ("token_use", json!(["access_token"]), JwtRefusal::Type),
            ("token_usage", json!("refresh_token"), JwtRefusal::Type),
            ("tokenName", json!("refresh_token"), JwtRefusal::Type),
            ("at_hash", json!("x"), JwtRefusal::Type),
            ("events", json!({}), JwtRefusal::Type),
        ] {
            let mut claims = keycloak();
            claims[claim] = value;
            if refusal == JwtRefusal::Expired {
                claims["iat"] = json!(NOW - 900);
            }
            assert_eq!(judge(&claims, Statement::Jwt), Err(refusal), "{claim} {}", claims[claim]);
            assert_eq!(judge(&claims, Statement::Introspection), Err(refusal), "{claim} {}", claims[claim]);
        }
        for (claim, refusal) in [("aud", "aud"), ("sub", "sub"), ("exp", "exp"), ("azp", "client_id")] {
            let mut claims = keycloak();
            claims.as_object_mut().expect("an object").remove(claim);
            assert_eq!(judge(&claims, Statement::Introspection), Err(JwtRefusal::Claim(refusal)), "{claim}");
        }
    }

    #[test]
    fn what_says_that_it_is_an_access_token_is_one() {
        for (claim, word) in
            [("token_use", "access_token"), ("token_use", "access"), ("token_usage", "access_token"), ("typ", "bearer")]
        {
            let mut claims = keycloak();
            claims[claim] = json!(word);
            assert!(judge(&claims, Statement::Jwt).is_ok(), "{claim} {word}");
            assert!(judge(&claims, Statement::Introspection).is_ok(), "{claim} {word}");
        }
    }

    #[test]
    fn an_answer_of_the_issuer_itself_may_leave_out_who_says_so_and_when() {
        for claim in ["iss", "iat"] {
            let mut claims = keycloak();
            claims.as_object_mut().expect("an object").remove(claim);
            assert!(judge(&claims, Statement::Introspection).is_ok(), "{claim}");
            assert_eq!(judge(&claims, Statement::Jwt), Err(JwtRefusal::Claim(claim)), "{claim}");
        }
    }
}
