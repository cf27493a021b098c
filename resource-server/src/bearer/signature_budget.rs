//! How many signatures a block of addresses may have checked that turn out to be wrong. Whoever knows a published key writes tokens that look
//! right to the last byte but the signature, and each of those costs a look at it; so they are looked at so many times a second, and a token that
//! comes when nothing is left is not judged at all.
//!
//! A good token costs its block nothing. What comes from a block that has nothing left may still be a neighbour's: a token that claims to be of
//! somebody who was seen here before is paid for by that principal, whose ids a stranger does not know, nor learns: a wrong one gets the same
//! answer as one that is not looked at.

use super::{not_identified::NotIdentified, principal::PrincipalKey, verified_token::PrincipalShares};
use moka::policy::EvictionPolicy;
use shared::{
    clock::UnixSeconds,
    http::AddressBlock,
    metrics::{Counter, Page},
    protocol::jwt::JwtRefusal,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// So many wrong signatures may come from a block at once, and so many more each second.
const OF_BLOCK: Allowance = Allowance { most: 60, each_second: 20 };
/// And so many for a principal, from blocks that have nothing left.
const OF_PRINCIPAL: Allowance = Allowance { most: 5, each_second: 1 };
/// Who was not heard of for longer than this has everything again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// More of them are not remembered (about 200 bytes each); those that were not heard of for longest go first.
const REMEMBERED_MAX: u64 = 50_000;

#[derive(Debug, Clone, Copy)]
struct Allowance {
    most: u16,
    each_second: u16,
}

/// Who pays for a signature that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payer {
    /// Wherever it came from.
    Block(AddressBlock),
    /// Whoever it claims to be of, who is known here.
    Principal(PrincipalKey),
}

impl Payer {
    fn allowance(&self) -> Allowance {
        match self {
            Self::Block(_) => OF_BLOCK,
            Self::Principal(_) => OF_PRINCIPAL,
        }
    }
}

/// What was left (the lowest 16 bits) and when (the others), in one word, so that nobody waits for anybody.
#[derive(Debug)]
struct Left(AtomicU64);

impl Left {
    fn new(allowance: Allowance, now: UnixSeconds) -> Self {
        Self(AtomicU64::new(word(allowance.most, now)))
    }

    fn after(&self, allowance: Allowance, now: UnixSeconds) -> u16 {
        after(self.0.load(Ordering::Relaxed), allowance, now)
    }

    fn take(&self, allowance: Allowance, now: UnixSeconds) {
        let less = |left| Some(word(after(left, allowance, now).saturating_sub(1), now));
        // It always has something to store.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

fn word(checks: u16, at: UnixSeconds) -> u64 {
    (at.max(0).unsigned_abs() << u16::BITS) | u64::from(checks)
}

/// A clock that was set back gives nothing.
fn after(word: u64, allowance: Allowance, now: UnixSeconds) -> u16 {
    let [.., high, low] = word.to_be_bytes();
    let seconds = now.max(0).unsigned_abs().saturating_sub(word >> u16::BITS);
    let more = seconds.saturating_mul(u64::from(allowance.each_second));
    allowance.most.min(u16::from_be_bytes([high, low]).saturating_add(u16::try_from(more).unwrap_or(u16::MAX)))
}

/// The budgets of all, by process: what they save is this one's time. Only wrong signatures make an entry.
pub struct SignatureBudgets {
    known: Arc<PrincipalShares>,
    left: moka::sync::Cache<Payer, Arc<Left>>,
    good: Counter,
    wrong: Counter,
    untried: Counter,
}

impl SignatureBudgets {
    /// Everybody has everything; who has been here is `known`.
    pub fn new(known: Arc<PrincipalShares>) -> Self {
        let left = moka::sync::Cache::builder()
            .max_capacity(REMEMBERED_MAX)
            // By how often they come, newcomers would not be taken in at all.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(FORGOTTEN_AFTER)
            .build();
        Self { known, left, good: Counter::default(), wrong: Counter::default(), untried: Counter::default() }
    }

    /// Who pays if the signature of a token from `block` is wrong that claims to be `claimed`'s.
    ///
    /// # Errors
    /// [`NotIdentified::Untried`] when there is nobody left to pay.
    pub fn payer(
        &self,
        block: AddressBlock,
        claimed: impl FnOnce() -> Option<PrincipalKey>,
        now: UnixSeconds,
    ) -> Result<Payer, NotIdentified> {
        let of_block = Payer::Block(block);
        if self.may_pay(&of_block, now) {
            return Ok(of_block);
        }
        let known = claimed().filter(|key| self.known.has_seen(key)).map(Payer::Principal);
        known.filter(|payer| self.may_pay(payer, now)).ok_or_else(|| {
            self.untried.increment();
            NotIdentified::Untried
        })
    }

    /// Takes it from `payer` if the signature was wrong.
    pub fn settle<T>(&self, payer: Payer, checked: &Result<T, JwtRefusal>, now: UnixSeconds) {
        match checked {
            Ok(_) => self.good.increment(),
            Err(JwtRefusal::Signature) => {
                self.wrong.increment();
                self.take(payer, now);
            }
            Err(_) => {}
        }
    }

    fn may_pay(&self, payer: &Payer, now: UnixSeconds) -> bool {
        // Whoever sent nothing wrong of late has no entry; looking whether there is one locks nothing and leaves no trace in the cache.
        !self.left.contains_key(payer) || self.left.get(payer).is_none_or(|left| left.after(payer.allowance(), now) > 0)
    }

    fn take(&self, payer: Payer, now: UnixSeconds) {
        let allowance = payer.allowance();
        self.left.get_with(payer, || Arc::new(Left::new(allowance, now))).take(allowance, now);
    }

    /// Writes what became of signatures.
    pub fn write_metrics(&self, page: &mut Page) {
        page.counter(
            "postern_signature_checks_total",
            "Signatures of tokens that were not remembered, from known addresses.",
        )
        .value(&[("outcome", "good")], self.good.get())
        .value(&[("outcome", "wrong")], self.wrong.get())
        .value(&[("outcome", "not_tried")], self.untried.get());
    }
}

#[cfg(test)]
mod tests {
    use super::{OF_BLOCK, OF_PRINCIPAL, Payer, SignatureBudgets};
    use crate::bearer::{not_identified::NotIdentified, principal::PrincipalKey, verified_token::PrincipalShares};
    use shared::{http::AddressBlock, protocol::jwt::JwtRefusal};
    use std::sync::Arc;

    fn block(address: &str) -> AddressBlock {
        AddressBlock::of(address.parse().expect("an address"))
    }

    /// How many of `count` wrong signatures are checked.
    fn checked(budgets: &SignatureBudgets, claimed: Option<&PrincipalKey>, now: i64, count: usize) -> usize {
        let check = |_: &usize| match budgets.payer(block("203.0.113.9"), || claimed.cloned(), now) {
            Ok(payer) => {
                budgets.settle::<()>(payer, &Err(JwtRefusal::Signature), now);
                true
            }
            Err(cause) => {
                assert_eq!(cause, NotIdentified::Untried);
                false
            }
        };
        (0..count).filter(check).count()
    }

    #[test]
    fn wrong_signatures_are_checked_so_often_a_second_and_good_ones_as_often_as_they_come() {
        let budgets = SignatureBudgets::new(Arc::default());
        let (most, each_second) = (usize::from(OF_BLOCK.most), usize::from(OF_BLOCK.each_second));
        for _ in 0..1000 {
            let payer = budgets.payer(block("203.0.113.9"), || None, 100).expect("nothing was wrong");
            budgets.settle(payer, &Ok(()), 100);
        }
        assert_eq!(checked(&budgets, None, 100, 1000), most);
        for second in 101..110 {
            assert_eq!(checked(&budgets, None, second, 1000), each_second);
        }
        assert_eq!(checked(&budgets, None, 50, 1000), 0, "a clock that goes back gives nothing");
        assert!(budgets.payer(block("198.51.100.1"), || None, 109).is_ok(), "another block");
        assert_eq!(checked(&budgets, None, 10_000, 1000), most, "never more than all of it");
        let payer = budgets.payer(block("203.0.113.9"), || None, 10_001).expect("left");
        for _ in 0..1000 {
            budgets.settle::<()>(payer.clone(), &Err(JwtRefusal::Malformed), 10_001);
        }
        assert_eq!(checked(&budgets, None, 10_001, 1000), each_second, "what costs no look costs nothing");
    }

    #[test]
    fn whoever_was_here_is_heard_in_a_crowd_and_pays_for_those_who_claim_the_name() {
        let shares = Arc::new(PrincipalShares::default());
        let (known, stranger) = (PrincipalKey::new("i", "ann", "c"), PrincipalKey::new("i", "bob", "c"));
        drop(shares.share_of(&known));
        let budgets = SignatureBudgets::new(shares);
        checked(&budgets, Some(&stranger), 100, 1000);
        assert_eq!(checked(&budgets, Some(&stranger), 100, 10), 0);
        assert_eq!(
            budgets.payer(block("203.0.113.9"), || Some(known.clone()), 100),
            Ok(Payer::Principal(known.clone())),
            "also after all tokens of it have gone"
        );
        assert_eq!(checked(&budgets, Some(&known), 100, 1000), usize::from(OF_PRINCIPAL.most));
        let both = usize::from(OF_BLOCK.each_second + OF_PRINCIPAL.each_second);
        assert_eq!(checked(&budgets, Some(&known), 101, 1000), both);
    }
}
