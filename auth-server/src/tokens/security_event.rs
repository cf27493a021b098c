//! What a poll is answered: each revocation as a Security Event Token (RFC 8417), signed for the receiver that asked.

use crate::change_log::feed::Page;
use keys::{KeyRing, SigningError};
use shared::protocol::{
    event_poll::PollAnswer,
    security_event_token::{SECURITY_EVENT_TYP, security_event_claims},
    token_algorithm::TokenAlgorithm,
};
use std::collections::BTreeMap;

/// Signs the events of `page` for the client `receiver`.
///
/// # Errors
/// There is no key to sign with.
pub fn sign_page(page: &Page, issuer: &str, receiver: &str, keys: &KeyRing) -> Result<PollAnswer, SigningError> {
    let mut sets = BTreeMap::new();
    for (place, revocation) in &page.revocations {
        let jti = place.to_string();
        // Every kind that the change log knows can be told.
        let claims = security_event_claims(issuer, receiver, &jti, revocation).ok_or(SigningError::Failed)?;
        let token = keys.sign(TokenAlgorithm::Es256, SECURITY_EVENT_TYP, &claims)?;
        sets.insert(jti, token);
    }
    Ok(PollAnswer { sets, more_available: page.more, position: page.position.to_string() })
}
