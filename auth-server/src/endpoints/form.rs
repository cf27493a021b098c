//! Reading the form of a request within limits; what it holds is judged by [`crate::parameters`].

use crate::{
    error::OAuthError,
    parameters::{FORM_MAX_BYTES, FormError, Parameters, is_form},
};
use axum::body::Body;
use http::HeaderMap;
use shared::http::{BodyLimit, read_body};

/// Reads the form of a request, within limits of size and time.
///
/// # Errors
/// RFC 6749 §5.2 `invalid_request`, with 413, 415 or 408 where HTTP knows better.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Parameters, OAuthError> {
    if !is_form(headers) {
        return Err(FormError::ContentType.into());
    }
    let body = read_body(headers, body, BodyLimit::of_bytes(FORM_MAX_BYTES)).await?;
    Ok(Parameters::from_form(headers, &body)?)
}
