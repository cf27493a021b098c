//! The revocations this process knows, how fresh they are, and who waits for them.

use super::verified_token::VerifiedToken;
use shared::{
    clock::UnixSeconds,
    protocol::{
        revocation_set::{RevocableToken, RevocationSet},
        security_event::Revocation,
    },
};
use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicI64, AtomicU64, Ordering},
};
use tokio::sync::watch;

/// Without an answer for this long the feed is silent: tokens are introspected.
pub const SILENT_AFTER_SECONDS: i64 = 30;
/// Silent, and introspection fails too: calls declared read-only pass for this long, then none.
pub const READ_ONLY_GRACE_SECONDS: i64 = 300;

const NEVER: i64 = i64::MIN;

/// How much the set can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedState {
    /// It was never loaded to the end: nothing can be judged.
    NotLoaded,
    /// It was read to its end lately.
    Fresh,
    /// It has not answered for that long.
    Silent {
        /// Seconds since the last answer.
        for_seconds: i64,
    },
}

/// The revocations.
#[derive(Debug)]
pub struct Revocations {
    resource: String,
    set: RwLock<RevocationSet>,
    /// Rises with each change; a token held against the current one needs no second look.
    generation: AtomicU64,
    answered_at: AtomicI64,
    changes: watch::Sender<u64>,
}

impl Revocations {
    /// None yet, for tokens made for `resource`.
    pub fn new(resource: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            set: RwLock::default(),
            generation: AtomicU64::new(0),
            answered_at: AtomicI64::new(NEVER),
            changes: watch::Sender::new(0),
        }
    }

    /// Takes a page of the feed in, which came at `now`. It makes nothing fresh: see [`Self::confirm`].
    pub fn apply(&self, events: &[Revocation], now: UnixSeconds) {
        if !events.is_empty() {
            let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
            set.prune(now);
            for event in events {
                set.insert(event.kind, &event.subject, event.at);
            }
            drop(set);
            let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
            self.changes.send_replace(generation);
        }
    }

    /// Everything that the issuer knew at `now` was taken in: the last page came of what was asked for then.
    pub fn confirm(&self, now: UnixSeconds) {
        self.answered_at.store(now, Ordering::Release);
    }

    /// When everything that the issuer knew was taken in; `None` before the first time.
    pub fn confirmed_at(&self) -> Option<UnixSeconds> {
        Some(self.answered_at.load(Ordering::Acquire)).filter(|at| *at != NEVER)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.set.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How fresh the set is at `now`.
    pub fn state(&self, now: UnixSeconds) -> FeedState {
        match self.answered_at.load(Ordering::Acquire) {
            NEVER => FeedState::NotLoaded,
            at if now - at > SILENT_AFTER_SECONDS => FeedState::Silent { for_seconds: now - at },
            // The clock went back: how long ago that was, nobody knows.
            at if now - at < -SILENT_AFTER_SECONDS => FeedState::Silent { for_seconds: 0 },
            _ => FeedState::Fresh,
        }
    }

    /// Whether `token` is revoked. One atomic load unless something changed since the token was last looked at. What another issuer made is
    /// not ours to revoke, whatever names it shares with ours.
    pub fn is_revoked(&self, token: &VerifiedToken) -> bool {
        if !token.own {
            return false;
        }
        let generation = self.generation.load(Ordering::Acquire);
        if token.checked_generation.load(Ordering::Acquire) == generation {
            return false;
        }
        let revocable = revocable(token, &self.resource);
        let revoked = self.set.read().unwrap_or_else(PoisonError::into_inner).revokes(&revocable);
        if !revoked {
            token.checked_generation.store(generation, Ordering::Release);
        }
        revoked
    }

    /// Waits until `token` is revoked.
    pub async fn revoked(&self, token: &VerifiedToken) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if self.is_revoked(token) {
                return;
            }
            if changes.changed().await.is_err() {
                // The sender lives in `self`, so this cannot be; never ending is the safe reading for a wait.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// `token`, made for `resource`, as revocations see it.
fn revocable<'a>(token: &'a VerifiedToken, resource: &'a str) -> RevocableToken<'a> {
    let principal = &*token.principal;
    RevocableToken {
        token_id: &principal.token_id,
        key_id: &token.key_id,
        grant_id: principal.grant_id.as_deref(),
        subject: &principal.subject,
        client_id: &principal.client_id,
        resource,
        organization_id: principal.organization_id.as_deref(),
        issued_at: principal.issued_at,
    }
}

#[cfg(test)]
mod tests {
    use super::{FeedState, Revocations};
    use crate::bearer::{
        principal::{Principal, tests::principal},
        verified_token::{PrincipalShares, VerifiedToken},
    };
    use shared::protocol::{
        access_token_claims::AccessTokenClaims,
        scope::ScopeSet,
        security_event::{Revocation, RevocationKind},
    };
    use std::{sync::Arc, time::Duration};

    fn token(grant: &str) -> VerifiedToken {
        let principal = Principal { grant_id: Some(grant.into()), expires_at: 10, ..principal() };
        VerifiedToken::new(principal, "k".into(), true, 0, &PrincipalShares::default())
    }

    fn grant(subject: &str) -> Revocation {
        Revocation { kind: RevocationKind::Grant, subject: subject.into(), at: 5 }
    }

    #[test]
    fn says_how_fresh_it_is() {
        let revocations = Revocations::new("r");
        assert_eq!(revocations.state(100), FeedState::NotLoaded);
        revocations.apply(&[grant("g")], 100);
        assert_eq!(revocations.state(100), FeedState::NotLoaded, "a page is not all");
        revocations.confirm(100);
        assert_eq!(revocations.state(130), FeedState::Fresh);
        assert_eq!(revocations.state(131), FeedState::Silent { for_seconds: 31 });
        assert_eq!(revocations.state(70), FeedState::Fresh);
        assert_eq!(
            revocations.state(69),
            FeedState::Silent { for_seconds: 0 },
            "a clock that jumped back proves nothing"
        );
    }

    #[test]
    fn a_token_is_looked_at_again_after_each_change() {
        let revocations = Revocations::new("r");
        let (one, two) = (token("g1"), token("g2"));
        assert!(!revocations.is_revoked(&one) && !revocations.is_revoked(&two));
        revocations.apply(&[grant("g1")], 6);
        assert!(revocations.is_revoked(&one) && !revocations.is_revoked(&two));
        revocations.apply(&[grant("g2")], 7);
        assert!(revocations.is_revoked(&one) && revocations.is_revoked(&two));
    }

    #[test]
    fn what_another_issuer_made_is_not_ours_to_revoke() {
        let revocations = Revocations::new("r");
        let foreign = VerifiedToken { own: false, ..token("g1") };
        revocations
            .apply(&[grant("g1"), Revocation { kind: RevocationKind::AllBefore, subject: String::new(), at: 9 }], 6);
        assert!(revocations.is_revoked(&token("g1")) && !revocations.is_revoked(&foreign));
    }

    #[test]
    fn every_name_of_a_token_revokes_it() {
        let token = |resource: &str| {
            let claims = AccessTokenClaims {
                iss: "i".into(),
                sub: "u1".into(),
                aud: resource.into(),
                exp: 1900,
                iat: 1000,
                jti: "t1".into(),
                client_id: "c1".into(),
                scope: ScopeSet::default(),
                registered_scope: ScopeSet::default(),
                roles: vec![],
                auth_time: None,
                grant_id: Some("g1".into()),
                tenant_id: None,
                organization_id: Some("o1".into()),
            };
            VerifiedToken::new(Principal::from(claims), "k1".into(), true, 1000, &PrincipalShares::default())
        };
        for (kind, subject, at, revoked) in [
            (RevocationKind::Jti, "t1", 0, true),
            (RevocationKind::Kid, "k1", 0, true),
            (RevocationKind::Grant, "g1", 0, true),
            (RevocationKind::User, "u1", 1000, true),
            (RevocationKind::User, "u1", 999, false),
            (RevocationKind::Client, "c1", 1000, true),
            (RevocationKind::Resource, "r", 1000, true),
            (RevocationKind::Organization, "o1", 1000, true),
            (RevocationKind::UserInOrganization, "u1/o1", 1000, true),
            (RevocationKind::AllBefore, "", 1000, true),
        ] {
            let revocations = Revocations::new("r");
            revocations.apply(&[Revocation { kind, subject: subject.into(), at }], 1000);
            assert_eq!(revocations.is_revoked(&token("r")), revoked, "{kind:?} {at}");
        }
    }

    #[tokio::test]
    async fn wakes_whoever_waits_for_that_token_alone() {
        let revocations = Arc::new(Revocations::new("r"));
        let waits = |name: &'static str| {
            let revocations = revocations.clone();
            tokio::spawn(async move { revocations.revoked(&token(name)).await })
        };
        let (one, two) = (waits("g1"), waits("g2"));
        revocations.apply(&[grant("g1")], 6);
        tokio::time::timeout(Duration::from_secs(5), one).await.expect("in time").expect("no panic");
        assert!(!two.is_finished());
        two.abort();
    }
}
