//! Step "token": remembered, or verified. A block of addresses that sent too many forged tokens hears 429 instead of 401 for
//! more of them; a good token passes whatever its neighbours did (docs/decisions/0004), unless somebody else must be asked about it first.

use super::Pipeline;
use crate::{
    bearer::{
        extract::NoToken,
        identify::{Identified, NotIdentified},
    },
    refusal::Refusal,
};
use http::request::Parts;
use shared::{
    clock::UnixSeconds,
    http::{AddressBlock, ClientAddress},
    trace::{Kind, begin},
};

impl Pipeline {
    /// The caller's token and its text.
    pub(super) async fn identify_caller<'p>(
        &self,
        parts: &'p Parts,
        now: UnixSeconds,
    ) -> Result<(Identified, &'p str), Refusal> {
        let text = self.identify.text(parts).map_err(refusal)?;
        let digest = match self.identify.remembered(text, now) {
            Ok(identified) => {
                self.metrics.cache_hits.increment();
                return Ok((identified, text));
            }
            Err(digest) => digest,
        };
        self.metrics.cache_misses.increment();
        let block = parts.extensions.get::<ClientAddress>().map(|address| address.block());
        if let Some(block) = block
            && self.identify.issuers.would_ask(text, &digest, now)
        {
            self.check_failures(block).await?;
        }
        let verified = begin("verify a token", Kind::Internal).run(self.identify.verify(text, digest, now)).await;
        match verified {
            Ok(identified) => Ok((identified, text)),
            Err(cause) => {
                if let Some(block) = block.filter(|_| cause.is_guess()) {
                    self.check_failures(block).await?;
                    self.count_failure(block).await;
                }
                Err(refusal(cause))
            }
        }
    }

    /// Counters are a brake on guessing, not a proof: when they do not answer, the refusal is the one without them.
    async fn check_failures(&self, block: AddressBlock) -> Result<(), Refusal> {
        match self.failures.refusal(block).await {
            Ok(Some(decision)) => Err(Refusal::TooManyFailures { counted: decision }),
            Ok(None) => Ok(()),
            Err(cause) => {
                tracing::error!(%cause, "refused tokens cannot be counted");
                Ok(())
            }
        }
    }

    async fn count_failure(&self, block: AddressBlock) {
        if let Err(cause) = self.failures.record_failure(block).await {
            tracing::error!(%cause, "refused tokens cannot be counted");
        }
    }
}

fn refusal(cause: NotIdentified) -> Refusal {
    match cause {
        NotIdentified::NoToken(NoToken::Missing) => Refusal::NoToken,
        NotIdentified::NoToken(NoToken::Malformed) => Refusal::InvalidToken,
        NotIdentified::NoToken(NoToken::TwoMethods) => Refusal::TwoTokens,
        NotIdentified::Refused(cause) => {
            tracing::debug!(%cause, "a token is refused");
            Refusal::InvalidToken
        }
        NotIdentified::WithdrawnKey | NotIdentified::Inactive | NotIdentified::Unknown => Refusal::InvalidToken,
        NotIdentified::Declined | NotIdentified::NotNow => Refusal::Unavailable,
    }
}
