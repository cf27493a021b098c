//! `max_age` (OpenID Connect Core §3.1.2.1): how old the sign-in may be; without it what the client registered (`default_max_age`).

use super::Refusal;
use crate::{clients::Client, parameters::Parameters};

/// The longest number that is read.
const MAX_AGE_MAX_DIGITS: usize = 12;

/// Refuses what is no whole number of seconds.
pub(super) fn check_max_age(client: &Client, parameters: &Parameters) -> Result<Option<i64>, Refusal> {
    let Some(text) = parameters.get("max_age") else { return Ok(client.openid.default_max_age) };
    let is_number = text.len() <= MAX_AGE_MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = is_number.then(|| text.parse().ok()).flatten();
    seconds.map(Some).ok_or(Refusal::invalid_request("max_age must be a whole number of seconds."))
}
