//! What was revoked and might still be carried by a living token: a small set in memory.

use super::verified_token::VerifiedToken;
use serde::Deserialize;
use shared::clock::UnixSeconds;
use std::collections::HashMap;

/// Revocations older than this are forgotten: no access token lives longer.
pub const RETENTION_SECONDS: i64 = 24 * 60 * 60;

/// One line of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RevocationEvent {
    /// Its place in the issuer's change log.
    pub position: i64,
    /// What kind of thing was revoked.
    pub kind: String,
    /// Which one.
    pub subject: String,
    /// When.
    pub at: UnixSeconds,
}

/// The set.
#[derive(Debug, Default)]
pub struct RevocationSet {
    /// Things that are revoked whenever a token of theirs was made: grant, jti, kid.
    outright: HashMap<(Kind, String), UnixSeconds>,
    /// Things whose tokens made up to then are revoked: a user who signs in again is welcome.
    until: HashMap<(Kind, String), UnixSeconds>,
    all_until: Option<UnixSeconds>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Grant,
    TokenId,
    KeyId,
    User,
    Client,
    Resource,
    UserInOrganization,
    Organization,
}

impl RevocationSet {
    /// Takes one event in; false for a kind this version does not know (the caller says so in the log).
    pub fn insert(&mut self, event: &RevocationEvent) -> bool {
        let (kind, outright) = match event.kind.as_str() {
            "grant" => (Kind::Grant, true),
            "jti" => (Kind::TokenId, true),
            "kid" => (Kind::KeyId, true),
            "user" => (Kind::User, false),
            "client" => (Kind::Client, false),
            "resource" => (Kind::Resource, false),
            "user_in_organization" => (Kind::UserInOrganization, false),
            "organization" => (Kind::Organization, false),
            "all_before" => {
                self.all_until = self.all_until.max(Some(event.at));
                return true;
            }
            _ => return false,
        };
        let map = if outright { &mut self.outright } else { &mut self.until };
        let at = map.entry((kind, event.subject.clone())).or_insert(event.at);
        *at = (*at).max(event.at);
        true
    }

    /// Whether `token`, made for `resource`, is revoked.
    pub fn revokes(&self, token: &VerifiedToken, resource: &str) -> bool {
        let principal = &token.principal;
        let outright = |kind, subject: &str| {
            !self.outright.is_empty() && self.outright.contains_key(&(kind, subject.to_owned()))
        };
        // A token of the very second of the revocation counts as older: it may have been made just before.
        let until = |kind, subject: &str| {
            !self.until.is_empty()
                && self.until.get(&(kind, subject.to_owned())).is_some_and(|at| principal.issued_at <= *at)
        };
        self.all_until.is_some_and(|at| principal.issued_at < at)
            || principal.grant_id.as_deref().is_some_and(|grant| outright(Kind::Grant, grant))
            || outright(Kind::TokenId, &principal.token_id)
            || outright(Kind::KeyId, &token.key_id)
            || until(Kind::User, &principal.subject)
            || until(Kind::Client, &principal.client_id)
            || until(Kind::Resource, resource)
            || principal.organization_id.as_deref().is_some_and(|organization| {
                until(Kind::Organization, organization)
                    || until(Kind::UserInOrganization, &format!("{} {organization}", principal.subject))
            })
    }

    /// Forgets what no living token can carry any more.
    pub fn prune(&mut self, now: UnixSeconds) {
        let oldest = now - RETENTION_SECONDS;
        self.outright.retain(|_, at| *at >= oldest);
        self.until.retain(|_, at| *at >= oldest);
        self.all_until = self.all_until.filter(|at| *at >= oldest);
    }

    /// How many things are revoked.
    pub fn len(&self) -> usize {
        self.outright.len() + self.until.len() + usize::from(self.all_until.is_some())
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{RETENTION_SECONDS, RevocationEvent, RevocationSet};
    use crate::bearer::{principal::Principal, verified_token::{PrincipalShares, VerifiedToken}};
    use shared::protocol::scope::ScopeSet;
    use std::sync::Arc;

    fn token() -> VerifiedToken {
        let principal = Principal {
            issuer: "i".into(),
            subject: "u1".into(),
            client_id: "c1".into(),
            scopes: ScopeSet::default(),
            roles: vec![],
            grant_id: Some("g1".into()),
            token_id: "t1".into(),
            organization_id: Some("o1".into()),
            issued_at: 1000,
            expires_at: 1900,
        };
        let share = PrincipalShares::default().share_of(principal.key());
        VerifiedToken {
            principal: Arc::new(principal),
            key_id: "k1".into(),
            verified_at: 1000,
            share,
            checked_generation: 0.into(),
        }
    }

    fn revoked_by(kind: &str, subject: &str, at: i64) -> bool {
        let mut set = RevocationSet::default();
        let known = set.insert(&RevocationEvent { position: 1, kind: kind.into(), subject: subject.into(), at });
        assert!(known, "{kind}");
        set.revokes(&token(), "http://r/mcp")
    }

    #[test]
    fn each_kind_revokes_what_it_names() {
        for (kind, subject, other) in [
            ("grant", "g1", "g2"),
            ("jti", "t1", "t2"),
            ("kid", "k1", "k2"),
            ("user", "u1", "c1"),
            ("client", "c1", "u1"),
            ("resource", "http://r/mcp", "http://r/other"),
            ("organization", "o1", "o2"),
            ("user_in_organization", "u1 o1", "u1 o2"),
        ] {
            assert!(revoked_by(kind, subject, 1000), "{kind}");
            assert!(!revoked_by(kind, other, 2000), "{kind}");
        }
        assert!(revoked_by("all_before", "", 1001));
        assert!(!revoked_by("all_before", "", 1000));
    }

    #[test]
    fn grants_are_revoked_for_good_and_users_up_to_then() {
        assert!(revoked_by("grant", "g1", 10));
        assert!(!revoked_by("user", "u1", 999));
    }

    #[test]
    fn forgets_what_is_too_old_and_says_what_it_does_not_know() {
        let mut set = RevocationSet::default();
        let event = |kind: &str, at| RevocationEvent { position: 1, kind: kind.into(), subject: "g1".into(), at };
        assert!(!set.insert(&event("tenant", 1)));
        set.insert(&event("grant", 1000));
        set.prune(1000 + RETENTION_SECONDS);
        assert_eq!(set.len(), 1);
        set.prune(1001 + RETENTION_SECONDS);
        assert!(set.is_empty());
    }
}
