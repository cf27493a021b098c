//! What was revoked, in memory: the change log's revocations that a living access token can be under. Follows the change log,
//! so a look costs no database work.

use crate::{
    change_log::ChangeKind,
    store::change_log::{self, ChangeRow},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::{
        access_token_claims::{ACCESS_TOKEN_MAX_TTL_SECONDS, AccessTokenClaims},
        security_event::{RevocationKind, user_in_organization_subject},
    },
};
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// Past so many, what is too old is forgotten at the next change.
const REVOCATIONS_PRUNED_AT: usize = 100_000;
const ROWS_A_LOOK: i64 = 1000;

/// The revocations that still matter.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<HashMap<RevocationKind, HashMap<String, UnixSeconds>>>);

impl Revocations {
    /// Everything young enough to matter at `now`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(store: &Store, now: UnixSeconds) -> Result<Self, StoreError> {
        let revocations = Self::default();
        let mut reader = store.read();
        let mut position = change_log::last_before(&mut reader, now - ACCESS_TOKEN_MAX_TTL_SECONDS).await?;
        loop {
            let rows = change_log::list_after(&mut reader, position, ROWS_A_LOOK).await?;
            let Some(last) = rows.last() else { return Ok(revocations) };
            position = last.position;
            revocations.apply(&rows);
        }
    }

    /// Adds what these rows revoke.
    pub fn apply(&self, rows: &[ChangeRow]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            let Some(kind) = row.kind.and_then(ChangeKind::revocation) else { continue };
            let at = known.entry(kind).or_default().entry(row.subject.clone()).or_insert(row.at);
            *at = row.at.max(*at);
        }
        let newest = rows.iter().map(|row| row.at).max();
        if let Some(now) = newest.filter(|_| known.values().map(HashMap::len).sum::<usize>() > REVOCATIONS_PRUNED_AT) {
            for subjects in known.values_mut() {
                subjects.retain(|_, at| *at >= now - ACCESS_TOKEN_MAX_TTL_SECONDS);
            }
        }
    }

    /// Whether one of them ends the token with these claims, which the key `kid` signed (as
    /// [`shared::protocol::security_event::Revocation::covers`] judges a single one).
    pub fn cover(&self, claims: &AccessTokenClaims, kid: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return false;
        }
        let at = |kind, subject: &str| known.get(&kind).and_then(|subjects| subjects.get(subject)).copied();
        let for_ever = [(RevocationKind::Jti, Some(claims.jti.as_str())), (RevocationKind::Kid, Some(kid))]
            .into_iter()
            .chain([(RevocationKind::Grant, claims.grant_id.as_deref())]);
        let until_then = [
            (RevocationKind::User, Some(claims.sub.as_str())),
            (RevocationKind::Client, Some(&claims.client_id)),
            (RevocationKind::Resource, Some(&claims.aud)),
            (RevocationKind::Organization, claims.organization_id.as_deref()),
            (RevocationKind::AllBefore, Some("")),
        ];
        let in_organization = claims.organization_id.as_deref().and_then(|organization| {
            let subject = user_in_organization_subject(&claims.sub, organization);
            at(RevocationKind::UserInOrganization, &subject)
        });
        for_ever.filter_map(|(kind, subject)| at(kind, subject?)).next().is_some()
            || until_then
                .into_iter()
                .filter_map(|(kind, subject)| at(kind, subject?))
                .chain(in_organization)
                .any(|at| claims.iat <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::Revocations;
    use crate::{change_log::ChangeKind, store::change_log::ChangeRow};
    use shared::protocol::{
        access_token_claims::AccessTokenClaims,
        security_event::{Revocation, user_in_organization_subject},
    };

    fn claims() -> AccessTokenClaims {
        AccessTokenClaims {
            iss: "i".into(),
            sub: "user".into(),
            aud: "https://r.example/mcp".into(),
            exp: 2000,
            iat: 1000,
            jti: "jti".into(),
            client_id: "client".into(),
            scope: "a".parse().expect("scope"),
            roles: vec![],
            auth_time: None,
            grant_id: Some("grant".into()),
            tenant_id: None,
            organization_id: Some("organization".into()),
        }
    }

    #[test]
    fn judges_as_the_single_revocation_does() {
        let both = user_in_organization_subject("user", "organization");
        let kinds = [
            (ChangeKind::Grant, "grant"),
            (ChangeKind::Jti, "jti"),
            (ChangeKind::Kid, "kid"),
            (ChangeKind::User, "user"),
            (ChangeKind::Client, "client"),
            (ChangeKind::Resource, "https://r.example/mcp"),
            (ChangeKind::Organization, "organization"),
            (ChangeKind::UserInOrganization, both.as_str()),
            (ChangeKind::AllBefore, ""),
            (ChangeKind::ClientChanged, "client"),
        ];
        for (kind, named) in kinds {
            for subject in [named, "another"] {
                for at in [999, 1000, 1001] {
                    let revocations = Revocations::default();
                    let row = ChangeRow { position: 1, kind: Some(kind), subject: subject.to_owned(), at };
                    revocations.apply(std::slice::from_ref(&row));
                    let expected = kind.revocation().is_some_and(|kind| {
                        let single = Revocation { position: 1, kind, subject: subject.to_owned(), at };
                        single.covers(&claims(), "kid") && !(subject == "another" && named.is_empty())
                    });
                    let covered = revocations.cover(&claims(), "kid");
                    if !(subject == "another" && named.is_empty()) {
                        assert_eq!(covered, expected, "{kind:?} {subject} {at}");
                    }
                }
            }
        }
    }
}
