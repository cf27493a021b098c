//! Whoever sends tokens that nobody made: a block of addresses, with what is left to it.

use super::signature_budget::SignatureBudgets;
use shared::{
    http::AddressBlock,
    rate_limit::{FailureBudget, RateDecision},
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A block of addresses that sent one token, and how many tokens that nobody made it may send.
#[derive(Clone)]
pub struct Guesser {
    /// The budgets of all.
    pub budget: FailureBudget,
    /// And how many signatures are looked at for it.
    pub signatures: Arc<SignatureBudgets>,
    /// Whose this one is.
    pub block: AddressBlock,
    paid: Arc<OnceCell<Option<RateDecision>>>,
}

impl Guesser {
    /// A block that has sent a token of which nothing is known yet.
    pub fn new(budget: FailureBudget, signatures: Arc<SignatureBudgets>, block: AddressBlock) -> Self {
        Self { budget, signatures, block, paid: Arc::default() }
    }

    /// The refusal (429) when the budget is used up. Counters are a brake on guessing, not a proof: when they do not answer there is none.
    pub async fn refusal(&self) -> Option<RateDecision> {
        self.budget.refusal(self.block).await.unwrap_or_else(|cause| {
            tracing::error!(%cause, "refused tokens cannot be counted");
            None
        })
    }

    /// Counts the token, which was nobody's: once, whoever notices first. The refusal (429) where the budget was used up before.
    pub async fn pay(&self) -> Option<RateDecision> {
        let pay = || async {
            let refusal = self.refusal().await;
            if refusal.is_none() {
                self.count().await;
            }
            refusal
        };
        *self.paid.get_or_init(pay).await
    }

    async fn count(&self) {
        if let Err(cause) = self.budget.record_failure(self.block).await {
            tracing::error!(%cause, "refused tokens cannot be counted");
        }
    }
}
