//! What was revoked and might still be carried by a living token: a set in memory, the same in both servers.

use super::{
    access_token_claims::{ACCESS_TOKEN_MAX_TTL_SECONDS, AccessTokenClaims, EXPIRY_LEEWAY_SECONDS},
    jwt::FUTURE_TOLERANCE_SECONDS,
    security_event::{RevocationKind, user_in_organization_subject},
};
use crate::clock::UnixSeconds;
use std::collections::HashMap;

/// So long after a revocation something that it ended could still be accepted: the longest life of a token, the leeway behind its expiry, and
/// clocks that differ. Whoever starts loads what is younger; what is older may be forgotten.
pub const REVOCATION_MEMORY_SECONDS: i64 =
    ACCESS_TOKEN_MAX_TTL_SECONDS + EXPIRY_LEEWAY_SECONDS + FUTURE_TOLERANCE_SECONDS;

/// The latest revocation of each thing. It answers what [`Revocation::covers`](super::security_event::Revocation::covers) answers for each of
/// them, without looking at each of them.
#[derive(Debug, Default)]
pub struct RevocationSet {
    /// The latest time of all, by the clock of whoever revoked.
    newest: UnixSeconds,
    latest: HashMap<RevocationKind, HashMap<String, UnixSeconds>>,
}

/// All by which an access token can be revoked.
#[derive(Debug, Clone, Copy)]
pub struct RevocableToken<'a> {
    /// `jti`.
    pub token_id: &'a str,
    /// `kid` of the key that signed it.
    pub key_id: &'a str,
    /// The grant it came from; none for machines.
    pub grant_id: Option<&'a str>,
    /// `sub`.
    pub subject: &'a str,
    /// `client_id`.
    pub client_id: &'a str,
    /// `aud`.
    pub resource: &'a str,
    /// The organization that the grant chose.
    pub organization_id: Option<&'a str>,
    /// `iat`.
    pub issued_at: UnixSeconds,
}

/// For whom a token is to be made.
#[derive(Debug, Clone, Copy)]
pub struct TokenHolder<'a> {
    /// `sub`.
    pub subject: &'a str,
    /// `client_id`.
    pub client_id: &'a str,
    /// The organization that the grant chose.
    pub organization_id: Option<&'a str>,
}

impl<'a> RevocableToken<'a> {
    /// The token with these claims, which the key `key_id` signed.
    pub fn new(claims: &'a AccessTokenClaims, key_id: &'a str) -> Self {
        Self {
            token_id: &claims.jti,
            key_id,
            grant_id: claims.grant_id.as_deref(),
            subject: &claims.sub,
            client_id: &claims.client_id,
            resource: &claims.aud,
            organization_id: claims.organization_id.as_deref(),
            issued_at: claims.iat,
        }
    }
}

impl RevocationSet {
    /// Takes in that `subject` was revoked at `at`. Of the same thing the latest time counts.
    pub fn insert(&mut self, kind: RevocationKind, subject: &str, at: UnixSeconds) {
        let subject = if kind == RevocationKind::AllBefore { "" } else { subject };
        let latest = self.latest.entry(kind).or_default().entry(subject.to_owned()).or_insert(at);
        *latest = at.max(*latest);
        self.newest = at.max(self.newest);
    }

    /// Whether `token` is revoked. Looks nothing up while nothing is.
    pub fn revokes(&self, token: &RevocableToken<'_>) -> bool {
        use RevocationKind::{AllBefore, Client, Grant, Jti, Kid, Organization, Resource, User, UserInOrganization};
        if self.is_empty() {
            return false;
        }
        let at = |kind, subject: &str| self.latest.get(&kind).and_then(|subjects| subjects.get(subject)).copied();
        // Grants, tokens and keys do not come back; the others do, and then only older tokens are covered.
        let outright = |kind, subject: &str| at(kind, subject).is_some();
        let until = |kind, subject: &str| at(kind, subject).is_some_and(|at| token.issued_at <= at);
        outright(Jti, token.token_id)
            || outright(Kid, token.key_id)
            || token.grant_id.is_some_and(|grant| outright(Grant, grant))
            || until(User, token.subject)
            || until(Client, token.client_id)
            || until(Resource, token.resource)
            || until(AllBefore, "")
            || token.organization_id.is_some_and(|organization| {
                until(Organization, organization)
                    || (self.latest.contains_key(&UserInOrganization)
                        && until(UserInOrganization, &user_in_organization_subject(token.subject, organization)))
            })
    }

    /// Until when what `holder` was issued has ended. It may hold something again since.
    pub fn ended_until(&self, holder: &TokenHolder<'_>) -> Option<UnixSeconds> {
        use RevocationKind::{AllBefore, Client, Organization, User, UserInOrganization};
        let at = |kind, subject: &str| self.latest.get(&kind).and_then(|subjects| subjects.get(subject)).copied();
        let of_organization = holder.organization_id.and_then(|organization| {
            let member = user_in_organization_subject(holder.subject, organization);
            at(Organization, organization).max(at(UserInOrganization, &member))
        });
        at(User, holder.subject).max(of_organization).max(at(Client, holder.client_id)).max(at(AllBefore, ""))
    }

    /// Forgets what no living token can carry any more at `now`, and when something newer was revoked: both clocks must say so, because one
    /// that jumped ahead and came back must not bring revoked tokens to life.
    pub fn prune(&mut self, now: UnixSeconds) {
        let oldest = now.min(self.newest).saturating_sub(REVOCATION_MEMORY_SECONDS);
        self.latest.retain(|_, subjects| {
            subjects.retain(|_, at| *at >= oldest);
            !subjects.is_empty()
        });
    }

    /// How many things are revoked.
    pub fn len(&self) -> usize {
        self.latest.values().map(HashMap::len).sum()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{REVOCATION_MEMORY_SECONDS, RevocableToken, RevocationSet};
    use crate::protocol::{
        access_token_claims::AccessTokenClaims,
        scope::ScopeSet,
        security_event::{Revocation, RevocationKind, user_in_organization_subject},
    };

    const RESOURCE: &str = "http://localhost:9500/mcp";

    fn claims() -> AccessTokenClaims {
        AccessTokenClaims {
            iss: "i".into(),
            sub: "u1".into(),
            aud: RESOURCE.into(),
            exp: 1900,
            iat: 1000,
            jti: "t1".into(),
            client_id: "c1".into(),
            scope: "mcp.read".parse().expect("scopes"),
            registered_scope: ScopeSet::default(),
            roles: vec![],
            auth_time: None,
            grant_id: Some("g1".into()),
            tenant_id: None,
            organization_id: Some("o1".into()),
        }
    }

    /// Judges each kind with each subject; returns how many covered the token.
    fn compare(claims: &AccessTokenClaims) -> u32 {
        use RevocationKind::{
            AllBefore, Client, Grant, Jti, Kid, Organization, Resource, StaticToken, Unrecognised, User,
            UserInOrganization,
        };
        let kinds = [
            AllBefore,
            Client,
            Grant,
            Jti,
            Kid,
            Organization,
            Resource,
            StaticToken,
            Unrecognised,
            User,
            UserInOrganization,
        ];
        let member = user_in_organization_subject("u1", "o1");
        let mut covered = 0;
        for kind in kinds {
            for subject in ["", "u1", "u1/", "c1", "g1", "t1", "k1", "o1", RESOURCE, &member, "other"] {
                for at in [999, 1000, 1001] {
                    let revocation = Revocation { kind, subject: subject.into(), at };
                    let mut set = RevocationSet::default();
                    set.insert(kind, subject, at);
                    let expected = revocation.covers(claims, "k1");
                    assert_eq!(set.revokes(&RevocableToken::new(claims, "k1")), expected, "{revocation:?}");
                    covered += u32::from(expected);
                }
            }
        }
        covered
    }

    #[test]
    fn agrees_with_what_each_revocation_covers() {
        assert_eq!(compare(&claims()), 3 * 3 + 5 * 2 + 11 * 2);
        let machine = AccessTokenClaims { grant_id: None, organization_id: None, ..claims() };
        assert_eq!(compare(&machine), 2 * 3 + 3 * 2 + 11 * 2);
    }

    #[test]
    fn one_of_many_is_enough_and_none_of_many_is_not() {
        let claims = claims();
        let token = RevocableToken::new(&claims, "k1");
        let mut set = RevocationSet::default();
        assert!(!set.revokes(&token));
        for (kind, subject) in [
            (RevocationKind::Grant, "g2"),
            (RevocationKind::User, "u2"),
            (RevocationKind::Jti, "g1"),
            (RevocationKind::UserInOrganization, "u1/o2"),
        ] {
            set.insert(kind, subject, 2000);
        }
        assert!(!set.revokes(&token));
        set.insert(RevocationKind::UserInOrganization, "u1/o1", 2000);
        assert!(set.revokes(&token));
    }

    #[test]
    fn keeps_the_latest_and_forgets_what_is_too_old() {
        let claims = claims();
        let token = RevocableToken::new(&claims, "k1");
        let mut set = RevocationSet::default();
        set.insert(RevocationKind::User, "u1", 1000);
        set.insert(RevocationKind::User, "u1", 900);
        assert!(set.revokes(&token));
        let end = 1000 + REVOCATION_MEMORY_SECONDS;
        set.insert(RevocationKind::User, "u2", end);
        set.prune(end);
        assert!(set.len() == 2 && set.revokes(&token));
        set.insert(RevocationKind::User, "u2", end + 1);
        set.prune(end + 1);
        assert!(set.len() == 1 && !set.revokes(&token));
    }

    #[test]
    fn one_clock_that_jumps_makes_it_forget_nothing() {
        let claims = claims();
        let token = RevocableToken::new(&claims, "k1");
        let far = 1000 + 2 * REVOCATION_MEMORY_SECONDS;
        let mut set = RevocationSet::default();
        set.insert(RevocationKind::Grant, "g1", 1000);
        set.prune(far);
        assert!(set.revokes(&token), "only the clock of who asks is far ahead");
        set.insert(RevocationKind::Grant, "g2", far);
        set.prune(1000);
        assert!(set.revokes(&token), "only the clock of who revoked is far ahead");
        set.prune(i64::MIN);
    }
}
