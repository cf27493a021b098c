//! What the authorization server tells resource servers has ended. It travels as Security Event Tokens
//! ([`security_event_token`](super::security_event_token)).

use super::access_token_claims::AccessTokenClaims;
use crate::clock::UnixSeconds;

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevocationKind {
    /// A grant with all of its tokens; the subject is its id.
    Grant,
    /// One access token; the subject is its `jti`.
    Jti,
    /// One static token; the subject is its id.
    StaticToken,
    /// All that a user had granted; the subject is the user's id.
    User,
    /// All that a user had granted for one organization; the subject is made by [`user_in_organization_subject`].
    UserInOrganization,
    /// All that was issued to a client; the subject is its `client_id`.
    Client,
    /// All that was issued for an organization; the subject is its id.
    Organization,
    /// All that was issued for a resource; the subject is the audience as registered.
    Resource,
    /// All that a signing key ever signed; the subject is its `kid`.
    Kid,
    /// All that was issued until then; the subject is empty.
    AllBefore,
    /// A kind that this version does not know. Never sent; a receiver that meets it trusts no cached decision older than it.
    Unrecognised,
}

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What ended.
    pub kind: RevocationKind,
    /// Whose; see [`RevocationKind`].
    pub subject: String,
    /// When (unix seconds). What is issued after that second is not covered.
    pub at: UnixSeconds,
}

/// The subject of [`RevocationKind::UserInOrganization`]: ids are base64url, so the slash is no part of either.
pub fn user_in_organization_subject(user_id: &str, organization_id: &str) -> String {
    format!("{user_id}/{organization_id}")
}

impl Revocation {
    /// Whether it ends this access token, which the key `kid` signed. Grants, tokens and keys do not come back; users, clients, organizations
    /// and resources do, so there only tokens issued until [`Revocation::at`] are covered. An unrecognised kind covers nothing it could name.
    /// This says what the words mean; servers ask a [`RevocationSet`](super::revocation_set::RevocationSet), which tests hold to it.
    pub fn covers(&self, claims: &AccessTokenClaims, kid: &str) -> bool {
        let issued_until_then = claims.iat <= self.at;
        match self.kind {
            RevocationKind::Grant => claims.grant_id.as_deref() == Some(&self.subject),
            RevocationKind::Jti => claims.jti == self.subject,
            RevocationKind::Kid => kid == self.subject,
            RevocationKind::User => issued_until_then && claims.sub == self.subject,
            RevocationKind::Client => issued_until_then && claims.client_id == self.subject,
            RevocationKind::Resource => issued_until_then && claims.aud == self.subject,
            RevocationKind::Organization => {
                issued_until_then && claims.organization_id.as_deref() == Some(&self.subject)
            }
            RevocationKind::UserInOrganization => {
                let both = |organization| user_in_organization_subject(&claims.sub, organization) == self.subject;
                issued_until_then && claims.organization_id.as_deref().is_some_and(both)
            }
            RevocationKind::AllBefore => issued_until_then,
            RevocationKind::StaticToken | RevocationKind::Unrecognised => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Revocation, RevocationKind, user_in_organization_subject};
    use crate::protocol::{access_token_claims::AccessTokenClaims, scope::ScopeSet};

    fn claims() -> AccessTokenClaims {
        AccessTokenClaims {
            iss: "https://as.example".into(),
            sub: "u".into(),
            aud: "https://mcp.example/mcp".into(),
            exp: 1900,
            iat: 1000,
            jti: "j".into(),
            client_id: "c".into(),
            scope: "mcp.read".parse().expect("scopes"),
            registered_scope: ScopeSet::default(),
            roles: vec![],
            auth_time: None,
            grant_id: Some("g".into()),
            tenant_id: None,
            organization_id: Some("o".into()),
        }
    }

    #[test]
    fn each_kind_covers_its_own_tokens_only() {
        use RevocationKind::{
            AllBefore, Client, Grant, Jti, Kid, Organization, Resource, StaticToken, Unrecognised, User,
            UserInOrganization,
        };
        let member = user_in_organization_subject("u", "o");
        for (kind, subject, at, covered) in [
            (Grant, "g", 0, true),
            (Grant, "h", 2000, false),
            (Jti, "j", 0, true),
            (Jti, "g", 2000, false),
            (Kid, "k", 0, true),
            (Kid, "l", 2000, false),
            (User, "u", 1000, true),
            (User, "u", 999, false),
            (User, "c", 2000, false),
            (Client, "c", 1000, true),
            (Client, "c", 999, false),
            (Resource, "https://mcp.example/mcp", 1000, true),
            (Resource, "https://mcp.example/", 1000, false),
            (Organization, "o", 1000, true),
            (Organization, "", 1000, false),
            (UserInOrganization, member.as_str(), 1000, true),
            (UserInOrganization, member.as_str(), 999, false),
            (UserInOrganization, "u/p", 1000, false),
            (AllBefore, "", 1000, true),
            (AllBefore, "", 999, false),
            (StaticToken, "j", 2000, false),
            (Unrecognised, "j", 2000, false),
        ] {
            let revocation = Revocation { kind, subject: subject.into(), at };
            assert_eq!(revocation.covers(&claims(), "k"), covered, "{revocation:?}");
        }
        let without = AccessTokenClaims { grant_id: None, organization_id: None, ..claims() };
        for (kind, subject) in [(Grant, ""), (Organization, ""), (UserInOrganization, "u/")] {
            let revocation = Revocation { kind, subject: subject.into(), at: 2000 };
            assert!(!revocation.covers(&without, "k"));
        }
    }
}
