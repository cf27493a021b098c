//! One foreign issuer: its tokens, verified by its keys alone, or asked about there.

use super::{
    claim_rules::{ClaimRules, Statement},
    client_at_issuer::ClientAtIssuer,
    token_introspection::{TokenIntrospection, Unanswered},
};
use crate::{
    bearer::{
        cache::TokenDigest, guesser::Guesser, not_identified::NotIdentified, principal::Principal,
        verify_signature::verify_signature,
    },
    config::{IntrospectionRule, TrustedIssuerSettings},
    issuer::{
        discovery::Discovery,
        fetch::Fetcher,
        find_keys::find_keys,
        jwks::{JwksCache, KeySource},
        questions::Asked,
    },
};
use shared::{
    clock::{SharedClock, UnixSeconds},
    protocol::{
        jwk::JwsAlgorithm,
        jwt::{AssertionSignerError, JwsProfile, KidRule, Members, UnverifiedJws},
    },
    random::SharedRandom,
};
use std::sync::Arc;

/// `typ` of access tokens (RFC 9068 §2.1); the second one where the operator is lenient.
const TYPES: [&str; 2] = ["at+jwt", "jwt"];

/// A foreign issuer whose tokens are taken.
pub struct TrustedIssuer {
    rules: ClaimRules,
    algorithms: Vec<JwsAlgorithm>,
    accept_typ_jwt: bool,
    jwks: Arc<JwksCache>,
    rule: IntrospectionRule,
    introspection: Option<Arc<TokenIntrospection>>,
}

impl TrustedIssuer {
    /// The issuer that `settings` name, for tokens of `resource`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// The private key is none, which loading the settings excludes.
    pub fn new(
        settings: &TrustedIssuerSettings,
        resource: &str,
        fetcher: &Fetcher,
        clock: &SharedClock,
        random: &SharedRandom,
    ) -> Result<Self, AssertionSignerError> {
        let (issuer, hosts) = (settings.issuer.clone(), settings.hosts.clone());
        let discovery = Discovery::new(issuer, hosts, settings.introspection, fetcher.clone(), clock.clone());
        let discovery = Arc::new(discovery);
        let introspection = settings.proof()?.map(|(id, proof)| {
            let client = ClientAtIssuer { id, proof, random: random.clone() };
            Arc::new(TokenIntrospection::new(discovery.clone(), fetcher.clone(), client, clock.clone()))
        });
        Ok(Self {
            rules: ClaimRules::new(settings, resource),
            algorithms: settings.algorithms.iter().map(|algorithm| algorithm.0).collect(),
            accept_typ_jwt: settings.accept_typ_jwt,
            jwks: Arc::new(JwksCache::new(fetcher.clone(), KeySource::Discovered(discovery), clock.clone())),
            rule: settings.introspection,
            introspection,
        })
    }

    /// Its name: what `iss` of its tokens is.
    pub fn name(&self) -> &str {
        &self.rules.issuer
    }

    /// Its keys.
    pub fn keys(&self) -> Arc<JwksCache> {
        self.jwks.clone()
    }

    /// Whether tokens that are no JWT may be its own.
    pub fn takes_opaque_tokens(&self) -> bool {
        self.rule.takes_opaque()
    }

    /// How often it was to be asked about a token; none for one that never is.
    pub fn asked(&self) -> Option<(&str, &Asked)> {
        self.introspection.as_ref().map(|introspection| (self.name(), introspection.asked()))
    }

    /// Whether it was asked lately about the token with this digest, and did not know it.
    pub fn is_unknown(&self, digest: &TokenDigest, now: UnixSeconds) -> bool {
        self.introspection.as_ref().is_some_and(|introspection| introspection.is_unknown(digest, now))
    }

    /// Whether a token of its own could be judged now.
    pub async fn is_usable(&self) -> bool {
        match &self.introspection {
            Some(introspection) if self.rule.takes_opaque() => introspection.is_reachable().await,
            _ => self.jwks.keys().await.is_ok(),
        }
    }

    /// Verifies a JWT that claims to be its own, with its keys and no others: who calls, and the id of the key. `text` is that of `jws`, which came from
    /// `guesser`.
    ///
    /// # Errors
    /// [`NotIdentified`].
    pub async fn verify(
        &self,
        jws: UnverifiedJws<'_>,
        text: &str,
        digest: &TokenDigest,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<(Principal, Arc<str>), NotIdentified> {
        if self.introspection.as_ref().is_some_and(|introspection| introspection.recalls(digest, now)) {
            return Err(NotIdentified::Inactive);
        }
        let profile = self.profile();
        let keys = find_keys(&self.jwks, &jws, &profile, now).await?;
        let claimed = |claims: &Members| self.rules.claimed(claims);
        let verified = verify_signature(jws, &keys, &profile, claimed, guesser, now)?;
        let principal = self.rules.judge(&verified.payload, Statement::Jwt, now).map_err(NotIdentified::Unfit)?;
        if let Some(introspection) = self.introspection.as_ref().filter(|_| self.rule.doubts_jwts()) {
            let answer = introspection.ask(text, digest, None, now).await.map_err(|_| NotIdentified::NotNow)?;
            // What it signed counts; the answer says only whether that still holds.
            answer.ok_or(NotIdentified::Inactive)?;
        }
        Ok((principal, verified.kid.unwrap_or_else(|| "".into())))
    }

    /// Asks about a token that is no JWT and came from `guesser`.
    ///
    /// # Errors
    /// [`NotIdentified`].
    pub async fn ask(
        &self,
        text: &str,
        digest: &TokenDigest,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<Principal, NotIdentified> {
        let Some(introspection) = &self.introspection else { return Err(NotIdentified::Unknown) };
        let answer = introspection.ask(text, digest, guesser, now).await.map_err(|unanswered| match unanswered {
            Unanswered::NotNow => NotIdentified::NotNow,
            Unanswered::Declined => NotIdentified::Declined,
            Unanswered::Spent(counted) => NotIdentified::Spent(counted),
        })?;
        let claims = answer.ok_or(NotIdentified::Unknown)?;
        self.rules.judge(&claims, Statement::Introspection, now).map_err(|cause| {
            introspection.reject(*digest, now);
            NotIdentified::Refused(cause)
        })
    }

    fn profile(&self) -> JwsProfile<'_> {
        JwsProfile {
            types: if self.accept_typ_jwt { &TYPES } else { &TYPES[..1] },
            type_optional: self.accept_typ_jwt,
            algorithms: &self.algorithms,
            kid: KidRule::Required,
        }
    }
}
