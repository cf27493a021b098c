//! Whose token is it? The issuer that a token claims chooses whose keys are looked at, by the exact string, before anything is verified; a
//! token that says nothing may be the one issuer's that is asked about such.

use super::{
    cache::TokenDigest, guesser::Guesser, identify::NotIdentified, principal::Principal,
    verify_with_keys::verify_with_keys,
};
use crate::{
    issuer::{introspection::Asked, jwks::JwksCache},
    trusted_issuers::TrustedIssuer,
};
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::EXPIRY_LEEWAY_SECONDS,
        jwt::{Audience, Expectation, JwtRefusal, claimed_issuer, verify_access_token},
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

/// Who is to judge a token.
#[derive(Clone, Copy)]
enum Judge<'i> {
    Own(&'i OwnIssuer),
    Trusted(&'i TrustedIssuer),
    Asked(&'i TrustedIssuer),
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
        matches!(self.judge_of(text), Ok(Judge::Asked(issuer)) if !issuer.is_unknown(digest, now))
    }

    /// How often those trusted were to be asked about tokens.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &Asked)> {
        self.trusted.values().filter_map(|issuer| issuer.asked())
    }

    /// Who calls with this token, and whether our own issuer says so.
    ///
    /// # Errors
    /// [`NotIdentified`].
    pub async fn verify(
        &self,
        text: &str,
        digest: &TokenDigest,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<(Principal, bool), NotIdentified> {
        match self.judge_of(text).map_err(NotIdentified::Refused)? {
            Judge::Own(own) => Ok((own.verify(text, now).await?, true)),
            Judge::Trusted(issuer) => Ok((issuer.verify(text, digest, now).await?, false)),
            Judge::Asked(issuer) => Ok((issuer.ask(text, digest, guesser, now).await?, false)),
        }
    }

    fn judge_of(&self, text: &str) -> Result<Judge<'_>, JwtRefusal> {
        match &self.asked {
            Some(asked) if is_opaque(text) => Ok(Judge::Asked(asked)),
            _ => self.named_by(&claimed_issuer(text)?),
        }
    }

    fn named_by(&self, issuer: &str) -> Result<Judge<'_>, JwtRefusal> {
        let own = self.own.as_ref().filter(|own| own.name == issuer).map(Judge::Own);
        let trusted = || self.trusted.get(issuer).map(|issuer| Judge::Trusted(issuer));
        own.or_else(trusted).ok_or(JwtRefusal::Issuer)
    }
}

impl OwnIssuer {
    async fn verify(&self, text: &str, now: UnixSeconds) -> Result<Principal, NotIdentified> {
        let expectation = Expectation {
            issuer: &self.name,
            audience: Audience::Exact(&self.audience),
            now,
            leeway_seconds: EXPIRY_LEEWAY_SECONDS,
        };
        let check = |keys: &_| verify_access_token(text, keys, &expectation).map(Principal::from);
        verify_with_keys(&self.jwks, text, now, check).await
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
