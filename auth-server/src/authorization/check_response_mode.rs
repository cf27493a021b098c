//! `response_mode` (OAuth 2.0 Multiple Response Types §2.1): `query`, the default of `code`.

use super::Refusal;
use crate::parameters::Parameters;

/// Refuses `fragment`, `form_post` and the rest.
pub(super) fn check_response_mode(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refusal::invalid_request("Only response_mode=query is supported.")),
    }
}
