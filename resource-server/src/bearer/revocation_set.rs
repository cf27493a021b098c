//! What was revoked and might still be carried by a living token: a small set in memory.

use super::verified_token::VerifiedToken;
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::ACCESS_TOKEN_MAX_TTL_SECONDS,
        security_event::{Revocation, RevocationKind, user_in_organization_subject},
    },
};
use std::collections::HashMap;

/// The set: the latest revocation of each thing. It answers what [`Revocation::covers`] answers for each of them,
/// without looking at each of them.
#[derive(Debug, Default)]
pub struct RevocationSet {
    latest: HashMap<(RevocationKind, String), UnixSeconds>,
}

impl RevocationSet {
    /// Takes one revocation in.
    pub fn insert(&mut self, revocation: &Revocation) {
        let everything = revocation.kind == RevocationKind::AllBefore;
        let subject = if everything { String::new() } else { revocation.subject.clone() };
        let at = self.latest.entry((revocation.kind, subject)).or_insert(revocation.at);
        *at = (*at).max(revocation.at);
    }

    /// Whether `token`, made for `resource`, is revoked.
    pub fn revokes(&self, token: &VerifiedToken, resource: &str) -> bool {
        if self.latest.is_empty() {
            return false;
        }
        let principal = &*token.principal;
        let at = |kind, subject: &str| self.latest.get(&(kind, subject.to_owned())).copied();
        // Grants, tokens and keys do not come back; the others do, and then only older tokens are covered.
        let outright = |kind, subject: &str| at(kind, subject).is_some();
        let until = |kind, subject: &str| at(kind, subject).is_some_and(|at| principal.issued_at <= at);
        outright(RevocationKind::Jti, &principal.token_id)
            || outright(RevocationKind::Kid, &token.key_id)
            || principal.grant_id.as_deref().is_some_and(|grant| outright(RevocationKind::Grant, grant))
            || until(RevocationKind::User, &principal.subject)
            || until(RevocationKind::Client, &principal.client_id)
            || until(RevocationKind::Resource, resource)
            || until(RevocationKind::AllBefore, "")
            || principal.organization_id.as_deref().is_some_and(|organization| {
                let member = user_in_organization_subject(&principal.subject, organization);
                until(RevocationKind::Organization, organization) || until(RevocationKind::UserInOrganization, &member)
            })
    }

    /// Forgets what no living token can carry any more.
    pub fn prune(&mut self, now: UnixSeconds) {
        self.latest.retain(|_, at| *at >= now - ACCESS_TOKEN_MAX_TTL_SECONDS);
    }

    /// How many things are revoked.
    pub fn len(&self) -> usize {
        self.latest.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::RevocationSet;
    use crate::bearer::{
        principal::Principal,
        verified_token::{PrincipalShares, VerifiedToken},
    };
    use shared::protocol::{
        access_token_claims::{ACCESS_TOKEN_MAX_TTL_SECONDS, AccessTokenClaims},
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
            roles: vec![],
            auth_time: None,
            grant_id: Some("g1".into()),
            tenant_id: None,
            organization_id: Some("o1".into()),
        }
    }

    fn token() -> VerifiedToken {
        VerifiedToken::new(Principal::from(claims()), "k1".into(), 1000, &PrincipalShares::default())
    }

    #[test]
    fn agrees_with_what_each_revocation_covers() {
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
            for subject in ["", "u1", "c1", "g1", "t1", "k1", "o1", RESOURCE, &member, "other"] {
                for at in [999, 1000, 1001] {
                    let revocation = Revocation { position: 1, kind, subject: subject.into(), at };
                    let mut set = RevocationSet::default();
                    set.insert(&revocation);
                    let expected = revocation.covers(&claims(), "k1");
                    assert_eq!(set.revokes(&token(), RESOURCE), expected, "{revocation:?}");
                    covered += u32::from(expected);
                }
            }
        }
        assert_eq!(covered, 3 * 3 + 5 * 2 + 10 * 2);
    }

    #[test]
    fn keeps_the_latest_and_forgets_what_is_too_old() {
        let revocation = |at| Revocation { position: 1, kind: RevocationKind::User, subject: "u1".into(), at };
        let mut set = RevocationSet::default();
        set.insert(&revocation(1000));
        set.insert(&revocation(900));
        assert!(set.revokes(&token(), RESOURCE));
        set.prune(1000 + ACCESS_TOKEN_MAX_TTL_SECONDS);
        assert_eq!(set.len(), 1);
        set.prune(1001 + ACCESS_TOKEN_MAX_TTL_SECONDS);
        assert!(set.is_empty());
    }
}
