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
        revocation_set::{REVOCATION_MEMORY_SECONDS, RevocableToken, RevocationSet, TokenHolder},
    },
};
use std::sync::{PoisonError, RwLock};

/// Past so many, what is too old is forgotten at the next change.
const REVOCATIONS_PRUNED_AT: usize = 100_000;
const ROWS_A_LOOK: i64 = 1000;

/// A token is not dated further ahead than this.
const AHEAD_MAX_SECONDS: i64 = 5;

/// The revocations that still matter.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    set: RevocationSet,
    /// Grows with each that comes.
    generation: Generation,
}

/// What was known at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation(u64);

impl Revocations {
    /// Everything young enough to matter at `now`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(store: &Store, now: UnixSeconds) -> Result<Self, StoreError> {
        let revocations = Self::default();
        revocations.add_all(store, now).await?;
        Ok(revocations)
    }

    /// Adds everything in the database that is young enough to matter at `now`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_all(&self, store: &Store, now: UnixSeconds) -> Result<(), StoreError> {
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
    pub fn apply(&self, rows: &[ChangeRow]) {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Known { set: known, generation } = &mut *guard;
        for row in rows {
            if let Some(kind) = row.kind.and_then(ChangeKind::revocation) {
                known.insert(kind, &row.subject, row.at);
                generation.0 += 1;
            }
        }
        let newest = rows.iter().map(|row| row.at).max();
        if let Some(now) = newest.filter(|_| known.len() > REVOCATIONS_PRUNED_AT) {
            known.prune(now);
        }
    }

    /// What is known now. Ask before reading who the client and the user are.
    pub fn generation(&self) -> Generation {
        self.0.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// The `iat` of a token for `holder`, whose client, keys and roles were read after `read_after` had been known. A revocation covers the seconds
    /// around it; a token by what holds since then is dated behind them, or it would be refused for as long as it lives. If anything was revoked
    /// meanwhile, nobody knows what was read: then it stays `now`.
    pub fn issue_time(&self, holder: &TokenHolder<'_>, read_after: Generation, now: UnixSeconds) -> UnixSeconds {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.generation != read_after {
            return now;
        }
        let ended_until = known.set.ended_until(holder);
        ended_until.filter(|until| (now..now + AHEAD_MAX_SECONDS).contains(until)).map_or(now, |until| until + 1)
    }

    /// Whether one of them ends the token with these claims, which the key `kid` signed.
    pub fn cover(&self, claims: &AccessTokenClaims, kid: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).set.revokes(&RevocableToken::new(claims, kid))
    }
}

#[cfg(test)]
mod tests {
    use super::{Revocations, TokenHolder};
    use crate::{change_log::ChangeKind, store::change_log::ChangeRow};
    use shared::protocol::{access_token_claims::AccessTokenClaims, scope::ScopeSet};

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
            registered_scope: ScopeSet::default(),
            roles: vec![],
            auth_time: None,
            grant_id: Some("grant".into()),
            tenant_id: None,
            organization_id: Some("organization".into()),
        }
    }

    #[test]
    fn a_token_by_what_holds_since_is_dated_behind_the_revocation() {
        let revocations = Revocations::default();
        let before = revocations.generation();
        let row =
            |kind, subject: &str| ChangeRow { position: 1, kind: Some(kind), subject: subject.to_owned(), at: 1001 };
        revocations.apply(&[row(ChangeKind::User, "user")]);
        let after = revocations.generation();
        let of = |subject| TokenHolder { subject, client_id: "client", organization_id: None };
        let at = |user, read_after, now| revocations.issue_time(&of(user), read_after, now);
        assert_eq!(at("user", before, 1000), 1000, "its roles may be those of before");
        assert_eq!((at("user", after, 1000), at("user", after, 1001)), (1002, 1002));
        assert_eq!((at("user", after, 1002), at("other", after, 1000)), (1002, 1000));
        assert_eq!(at("user", after, 900), 900, "no token from the future");
        revocations.apply(&[row(ChangeKind::UserInOrganization, "user/organization")]);
        let after = revocations.generation();
        let in_organization = TokenHolder { organization_id: Some("organization"), ..of("user") };
        assert_eq!(revocations.issue_time(&in_organization, after, 1000), 1002);
        for (kind, subject) in [(ChangeKind::Client, "client"), (ChangeKind::AllBefore, "")] {
            let revocations = Revocations::default();
            revocations.apply(&[row(kind, subject)]);
            let at = |client_id, read_after| {
                let machine = TokenHolder { subject: client_id, client_id, organization_id: None };
                revocations.issue_time(&machine, read_after, 1000)
            };
            let known = revocations.generation();
            assert_eq!((at("client", known), at("client", before)), (1002, 1000), "{kind:?}");
            assert_eq!(at("other", known), if kind == ChangeKind::Client { 1000 } else { 1002 }, "{kind:?}");
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
