//! `GET /sign-in` and `POST /sign-in`. Nothing an anonymous visitor sees or receives tells whether an account exists.
//!
//! Before sign-in there is no session to bind a form to, and a cookie of its own would make two tabs fight (the last one loaded would win). So
//! the form carries sealed state, and against being signed in as somebody else stands the check of where the form was sent from.

use super::{
    consent::again,
    page::{page, see_other},
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    authorization::{PageRefusal, PendingRequest, pending_request::SessionKey},
    pages::{Notice, SignInPage},
    users::{
        password_hash::PasswordHashError,
        sign_in::{Attempt, SignInError, SignedIn, sign_in},
    },
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::{
    http::{ClientAddress, RequestId},
    sealing::SealingError,
    secret::Secret,
};
use std::sync::Arc;

/// A form that leads to no client may be open this long.
const FORM_LIFETIME_SECONDS: i64 = 60 * 60;
const FORM: &str = "sign-in form";
const REFUSED: &str = "The e-mail address or the password is wrong.";
const TOO_MANY: &str = "Too many wrong attempts. Wait a quarter of an hour, then try again.";

/// The sign-in page on its own.
pub async fn show(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        match visit.session().await? {
            Some(_) => Ok(see_other(&visit.site.home)),
            None => Ok(sign_in_form(&visit, None, None, "", None)),
        }
    };
    visit.answer(result.await)
}

/// Signs in and goes on with the request that led here, if one did.
pub async fn submit(
    State(app): State<Arc<App>>,
    id: RequestId,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.form(body).await?;
        let request = open_form(&visit, form.get("form").unwrap_or_default())?;
        let email = form.get("email").unwrap_or_default();
        let password = Secret::new(form.get("password").unwrap_or_default());
        let replaced = visit.session().await?.map(|session| session.hash);
        let known = visit.known_user().await?;
        let attempt = Attempt {
            email,
            password: &password,
            replaced: replaced.as_ref(),
            known: known.as_ref(),
            block: address.block(),
        };
        let (lifetimes, random) = (app.session_lifetimes, &*app.random);
        match sign_in(&app.store, &app.passwords, &app.limits, lifetimes, random, &attempt, visit.now).await {
            Ok(signed_in) => Ok(go_on(&visit, request, &signed_in)),
            Err(cause) => refused(&visit, request.as_ref(), email, cause).await,
        }
    };
    visit.answer(result.await)
}

/// The page with its form.
pub(super) fn sign_in_form(
    visit: &Visit<'_>,
    request: Option<&PendingRequest>,
    client_name: Option<&str>,
    email: &str,
    problem: Option<&str>,
) -> Response {
    let expires_at = request.map_or(visit.now + FORM_LIFETIME_SECONDS, PendingRequest::expires_at);
    let sealed = request.map(|request| request.seal(&visit.app.sealing)).unwrap_or_default();
    let form = visit.app.sealing.seal_text(FORM, expires_at, sealed.as_bytes());
    let template = SignInPage { site: &visit.site, client_name, form: &form, email, problem };
    page(StatusCode::OK, &template)
}

fn open_form(visit: &Visit<'_>, text: &str) -> Result<Option<PendingRequest>, Stop> {
    let sealing = &visit.app.sealing;
    let plain = sealing.open_text(FORM, visit.now, text).map_err(|cause| match cause {
        SealingError::Expired => PageRefusal::Expired,
        _ => PageRefusal::Forged,
    })?;
    match std::str::from_utf8(&plain).map_err(|_| PageRefusal::Forged)? {
        "" => Ok(None),
        sealed => Ok(Some(PendingRequest::open(sealing, visit.now, sealed)?)),
    }
}

fn go_on(visit: &Visit<'_>, request: Option<PendingRequest>, SignedIn { user, session }: &SignedIn) -> Response {
    let location = match request {
        Some(request) => again(visit, &PendingRequest { signed_in: Some(SessionKey::of(&session.hash())), ..request }),
        None => visit.site.home.clone(),
    };
    visit.signed_in(&location, session, user)
}

/// The same page for whatever was wrong, or another one when nothing could be said about it.
async fn refused(
    visit: &Visit<'_>,
    request: Option<&PendingRequest>,
    email: &str,
    cause: SignInError,
) -> Result<Response, Stop> {
    let (status, problem, retry_after) = match cause {
        SignInError::Refused => (StatusCode::FORBIDDEN, REFUSED, None),
        SignInError::TooMany { retry_after_seconds } => {
            (StatusCode::TOO_MANY_REQUESTS, TOO_MANY, Some(retry_after_seconds))
        }
        SignInError::Hash(PasswordHashError::Busy) => return Err(Notice::Busy.into()),
        SignInError::Hash(PasswordHashError::Failed) => return Err(Notice::Unavailable.into()),
        SignInError::Store(cause) => return Err(cause.into()),
        SignInError::Limits(cause) => {
            tracing::error!(%cause, "sign-ins cannot be counted");
            return Err(Notice::Unavailable.into());
        }
    };
    let client = match request {
        Some(request) => visit.app.clients.find(&request.client_id).await?,
        None => None,
    };
    let name = client.as_ref().map(|client| client.name.as_str());
    let mut response = sign_in_form(visit, request, name, email, Some(problem));
    *response.status_mut() = status;
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}
