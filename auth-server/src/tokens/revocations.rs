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
        access_token_claims::AccessTokenClaims,
        revocation_set::{REVOCATION_MEMORY_SECONDS, RevocableToken, RevocationSet},
    },
};
use std::sync::{PoisonError, RwLock};

/// Past so many, what is too old is forgotten at the next change.
const REVOCATIONS_PRUNED_AT: usize = 100_000;
const ROWS_A_LOOK: i64 = 1000;

/// The revocations that still matter.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<RevocationSet>);

impl Revocations {
    /// Everything young enough to matter at `now`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(store: &Store, now: UnixSeconds) -> Result<Self, StoreError> {
        let revocations = Self::default();
        let mut reader = store.read();
        let Some(first) = change_log::first_since(&mut reader, now - REVOCATION_MEMORY_SECONDS).await? else {
            return Ok(());
        };
        let mut position = first.position - 1;
        loop {
            let rows = change_log::list_after(&mut reader, position, ROWS_A_LOOK).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            position = last.position;
            self.apply(&rows);
        }
    }

    /// Adds what these rows revoke.
        revocations.add_all(store, now).await?;
        Ok(revocations)
    }

    /// Adds everything in the database that is young enough to matter at `now`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_all(&self, store: &Store, now: UnixSeconds) -> Result<(), StoreError> {
    pub fn apply(&self, rows: &[ChangeRow]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            if let Some(kind) = row.kind.and_then(ChangeKind::revocation) {
                known.insert(kind, &row.subject, row.at);
            }
        }
        let newest = rows.iter().map(|row| row.at).max();
        if let Some(now) = newest.filter(|_| known.len() > REVOCATIONS_PRUNED_AT) {
            known.prune(now);
        }
    }

    /// Whether one of them ends the token with these claims, which the key `kid` signed.
    pub fn cover(&self, claims: &AccessTokenClaims, kid: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).revokes(&RevocableToken::new(claims, kid))
    }
}

#[cfg(test)]
mod tests {
    use super::Revocations;
    use crate::{change_log::ChangeKind, store::change_log::ChangeRow};
    use shared::protocol::access_token_claims::AccessTokenClaims;

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
    fn takes_in_what_revokes_and_nothing_else() {
        for (kind, subject, covered) in [
            (ChangeKind::Grant, "grant", true),
            (ChangeKind::Grant, "another", false),
            (ChangeKind::User, "user", true),
            (ChangeKind::AllBefore, "", true),
            (ChangeKind::ClientChanged, "client", false),
        ] {
            let revocations = Revocations::default();
            revocations.apply(&[ChangeRow { position: 1, kind: Some(kind), subject: subject.to_owned(), at: 1000 }]);
            assert_eq!(revocations.cover(&claims(), "kid"), covered, "{kind:?} {subject}");
        }
    }
}
