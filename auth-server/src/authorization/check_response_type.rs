//! `response_type` (RFC 6749 §3.1.1): `code` alone; nothing is ever issued from this endpoint but codes (OAuth 2.1 §10.1).

use super::Refusal;
use crate::parameters::Parameters;
use shared::protocol::error_code::ErrorCode;

/// Refuses everything but `code`.
pub(super) fn check_response_type(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.get("response_type") {
        Some("code") => Ok(()),
        Some(_) => Err(Refusal::new(ErrorCode::UnsupportedResponseType, "Only response_type=code is supported.")),
        None => Err(Refusal::invalid_request("response_type is missing.")),
    }
}
