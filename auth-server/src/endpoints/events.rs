//! `POST /api/events`: resource servers poll for what was revoked (RFC 8936).

use crate::{
    app::App,
    change_log::feed,
    endpoints::{guard, json_body, respond::json_no_store},
    error::OAuthError,
    tokens::security_event::sign_page,
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use keys::SigningError;
use shared::protocol::{
    event_poll::{ACKNOWLEDGEMENTS_MAX, PollRequest, SetError},
    resource_document::RESOURCE_SERVER_SCOPE,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A receiver with too many open polls asks again after so long.
const PLACES_RETRY_AFTER_SECONDS: u32 = 5;
/// More of a receiver's words than this are not logged.
const LOGGED_MAX_CHARS: usize = 200;

/// Cancelled when the server begins to stop: waiting polls are answered then.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// Why a poll is refused.
pub enum PollRefusal {
    /// It cannot be read: told in the words of RFC 8935 §2.4.
    Unreadable(&'static str),
    /// Everything else, as at every other interface of this server.
    OAuth(OAuthError),
}

/// Answers with the events behind the receiver's position, or waits for one.
pub async fn poll(
    State(app): State<Arc<App>>,
    Extension(Stopping(stop)): Extension<Stopping>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PollRefusal> {
    let now = app.clock.now();
    let receiver = guard::require(&app, &headers, RESOURCE_SERVER_SCOPE, now).await?.client_id;
    let body = json_body::read(&headers, body).await?;
    let request = PollRequest::parse(&body).map_err(|_| PollRefusal::Unreadable("The body is no poll request."))?;
    if request.ack.len() > ACKNOWLEDGEMENTS_MAX || request.set_errs.len() > ACKNOWLEDGEMENTS_MAX {
        return Err(PollRefusal::Unreadable("The request acknowledges more events than one answer holds."));
    }
    log_refused_events(&request, &receiver);
    let too_many = || OAuthError::too_many_requests(PLACES_RETRY_AFTER_SECONDS);
    let _place = app.poll_places.take(&receiver).ok_or_else(too_many)?;
    let page = feed::poll(&app, &request, now, &stop).await?;
    Ok(json_no_store(StatusCode::OK, &sign_page(&page, &app.issuer, &receiver, &app.keys)?))
}

fn log_refused_events(request: &PollRequest, receiver: &str) {
    let printable = |text: &str| text.chars().filter(|c| !c.is_control()).take(LOGGED_MAX_CHARS).collect::<String>();
    if let Some((jti, SetError { err, description })) = request.set_errs.iter().next() {
        let (jti, err, description) = (printable(jti), printable(err), printable(description));
        let events = request.set_errs.len();
        tracing::warn!(receiver, events, jti, err, description, "a receiver could not take in security events");
    }
}

impl From<OAuthError> for PollRefusal {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<shared::db::StoreError> for PollRefusal {
    fn from(cause: shared::db::StoreError) -> Self {
        Self::OAuth(cause.into())
    }
}

impl From<SigningError> for PollRefusal {
    fn from(cause: SigningError) -> Self {
        tracing::error!(%cause, "security events could not be signed");
        Self::OAuth(OAuthError::unavailable())
    }
}

impl IntoResponse for PollRefusal {
    fn into_response(self) -> Response {
        match self {
            Self::OAuth(error) => error.into_response(),
            Self::Unreadable(description) => {
                let body = SetError { err: "invalid_request".to_owned(), description: description.to_owned() };
                json_no_store(StatusCode::BAD_REQUEST, &body)
            }
        }
    }
}
