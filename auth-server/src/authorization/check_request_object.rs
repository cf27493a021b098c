//! `request`, `request_uri` and `registration` (OpenID Connect Core §6, §7.2.1) are not supported; ignoring them would ignore what they demand.

use super::Refusal;
use crate::parameters::Parameters;
use shared::protocol::error_code::ErrorCode;

/// Refuses request objects.
pub(super) fn check_request_object(parameters: &Parameters) -> Result<(), Refusal> {
    let unsupported = [
        ("request", ErrorCode::RequestNotSupported, "Request objects are not supported."),
        ("request_uri", ErrorCode::RequestUriNotSupported, "Request objects by reference are not supported."),
        ("registration", ErrorCode::RegistrationNotSupported, "Registration inside the request is not supported."),
    ];
    match unsupported.into_iter().find(|(name, ..)| parameters.get(name).is_some()) {
        Some((_, code, description)) => Err(Refusal::new(code, description)),
        None => Ok(()),
    }
}
