//! Whose token is it? The issuer that a token claims chooses whose keys are looked at, by the exact string, before anything is verified; a
//! token that says nothing may be the one issuer's that is asked about such.

use crate::{
    bearer::{
        cache::TokenDigest,
        guesser::Guesser,
        not_identified::NotIdentified,
        principal::{Principal, PrincipalKey},
        verify_signature::verify_signature,
    },
    issuer::{find_keys::find_keys, jwks::JwksCache, questions::Asked},
    trusted_issuers::TrustedIssuer,
};
use serde_json::Value;
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::EXPIRY_LEEWAY_SECONDS,
        jwt::{
            Audience, Expectation, JwsProfile, JwtRefusal, Members, UnverifiedJws, VerifiedAccessToken,
            read_access_token,
        },
    },
};
use std::{collections::HashMap, sync::Arc};

/// What our own tokens begin with that are no JWT. They are nobody else's business.
const OWN_OPAQUE_PREFIX: &str = "postern_";

/// Our own authorization server.
pub struct OwnIssuer {
    /// What `iss` must be.
    pub name: String,
    /// What `aud` must be, byte for byte.
    pub audience: String,
    /// Its keys.
    pub jwks: Arc<JwksCache>,
}

/// All whose tokens are taken.
pub struct Issuers {
    own: Option<OwnIssuer>,
    trusted: HashMap<String, Arc<TrustedIssuer>>,
    asked: Option<Arc<TrustedIssuer>>,
}

/// Who calls, as whoever made the token says.
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// `kid` of the key that signed the token; empty for one that is no JWT.
    pub key_id: Arc<str>,
    /// Whether our own issuer made it.
    pub own: bool,
}

impl Issuers {
    /// Our own, where there is one, and those trusted beside it.
    pub fn new(own: Option<OwnIssuer>, trusted: &[Arc<TrustedIssuer>]) -> Self {
        Self {
            own,
            trusted: trusted.iter().map(|issuer| (issuer.name().to_owned(), issuer.clone())).collect(),
            asked: trusted.iter().find(|issuer| issuer.takes_opaque_tokens()).cloned(),
        }
    }

    /// Whether judging this token means asking an issuer about it who has never been seen to know it.
    pub fn would_ask(&self, text: &str, digest: &TokenDigest, now: UnixSeconds) -> bool {
        self.asked_about(text).is_some_and(|issuer| !issuer.is_unknown(digest, now))
    }

    /// How often those trusted were to be asked about tokens.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &Asked)> {
        self.trusted.values().filter_map(|issuer| issuer.asked())
    }

    /// Who calls with this token.
    ///
    /// # Errors
    /// [`NotIdentified`].
    pub async fn verify(
        &self,
        text: &str,
        digest: &TokenDigest,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<Identity, NotIdentified> {
        if let Some(issuer) = self.asked_about(text) {
            let principal = Box::pin(issuer.ask(text, digest, guesser, now)).await?;
            return Ok(Identity { principal, key_id: "".into(), own: false });
        }
        let refused = NotIdentified::Refused;
        let jws = UnverifiedJws::parse(text).map_err(refused)?;
        let named = jws.claimed_issuer().map_err(refused)?;
        if let Some(own) = self.own.as_ref().filter(|own| own.name == named) {
            let (principal, key_id) = own.verify(jws, guesser, now).await?;
            return Ok(Identity { principal, key_id, own: true });
        }
        let issuer = self.trusted.get(named).ok_or(refused(JwtRefusal::Issuer))?;
        let (principal, key_id) = Box::pin(issuer.verify(jws, text, digest, guesser, now)).await?;
        Ok(Identity { principal, key_id, own: false })
    }

    /// The issuer that is asked about this token, if anybody is.
    fn asked_about(&self, text: &str) -> Option<&TrustedIssuer> {
        self.asked.as_deref().filter(|_| is_opaque(text))
    }
}

impl OwnIssuer {
    async fn verify(
        &self,
        jws: UnverifiedJws<'_>,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<(Principal, Arc<str>), NotIdentified> {
        let profile = JwsProfile::ACCESS_TOKEN;
        let keys = find_keys(&self.jwks, &jws, &profile, now).await?;
        let claimed = |claims: &Members| {
            let text = |name: &str| claims.get(name).and_then(Value::as_str);
            Some(PrincipalKey::new(&self.name, text("sub")?, text("client_id")?))
        };
        let verified = verify_signature(jws, &keys, &profile, claimed, guesser, now)?;
        let expectation = Expectation {
            issuer: &self.name,
            audience: Audience::Exact(&self.audience),
            now,
            leeway_seconds: EXPIRY_LEEWAY_SECONDS,
        };
        let VerifiedAccessToken { claims, kid } =
            read_access_token(verified, &expectation).map_err(NotIdentified::Unfit)?;
        Ok((claims.into(), kid))
    }
}

/// Whether a token is neither of the form of a signed JWT (RFC 7515 §3.1), which is judged by what it says or not at all, nor one of ours.
fn is_opaque(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() != 2 && !text.starts_with(OWN_OPAQUE_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::is_opaque;

    #[test]
    fn what_has_the_form_of_a_jwt_or_is_ours_is_never_shown_to_anybody() {
        for (text, opaque) in [
            ("2YotnFZFEjr1zCsicMWpAA", true),
            ("ory_at_abc.def", true),
            ("a.b.c.d.e", true),
            ("a.b.c", false),
            ("..", false),
            ("postern_rt_abc", false),
            ("postern_cs_abc.def", false),
        ] {
            assert_eq!(is_opaque(text), opaque, "{text}");
        }
    }
}
