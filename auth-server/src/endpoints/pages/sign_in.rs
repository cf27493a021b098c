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
        sign_in::{Attempt, SignInError, SignedIn, sign_in},
        sign_in_limits::Spent,
    },
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::{
    http::{ClientAddress, RequestId, set_rate_limit_headers},
    secret::Secret,
};
use std::sync::Arc;

/// A form that leads to no client may be open this long.
const FORM_LIFETIME_SECONDS: i64 = 60 * 60;
const FORM: &str = "sign-in form";
/// How the headers call the limits of sign-in, whichever it was.
const LIMIT: &str = "sign-in";
const REFUSED: &str = "The e-mail address or the password is wrong.";
const TOO_MANY: &str = "Too many wrong attempts. Wait a quarter of an hour, then try again.";

/// The sign-in page on its own.
pub async fn show(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        match visit.session().await? {
            Some(_) => Ok(see_other(&visit.site.home)),
            None => Ok(sign_in_form_for_page(&visit, "", "", None)),
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
        let after = After::open(&visit, form.get("form").unwrap_or_default())?;
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
            Ok(signed_in) => Ok(after.go_on(&visit, &signed_in)),
            Err(cause) => refused(&visit, &after, email, cause).await,
        }
    };
    visit.answer(result.await)
}

/// Where a person goes who has signed in.
enum After {
    /// To a page of ours, below the issuer's path; the home page is the empty one.
    Page(String),
    /// On with what a client asked.
    Request(Box<PendingRequest>),
}

impl After {
    /// Reads what a form carries.
    fn open(visit: &Visit<'_>, text: &str) -> Result<Self, Stop> {
        let sealing = &visit.app.sealing;
        let plain = sealing.open_text(FORM, visit.now, text).map_err(PageRefusal::from)?;
        let text = std::str::from_utf8(&plain).map_err(|_| PageRefusal::Forged)?.to_owned();
        if text.is_empty() || text.starts_with('/') {
            return Ok(Self::Page(text));
        }
        Ok(Self::Request(Box::new(PendingRequest::open(sealing, visit.now, &text)?)))
    }

    fn go_on(self, visit: &Visit<'_>, SignedIn { user, session }: &SignedIn) -> Response {
        let location = match self {
            Self::Page(path) if path.is_empty() => visit.site.home.clone(),
            Self::Page(path) => visit.path(&path),
            Self::Request(request) => {
                let signed_in = Some(SessionKey::of(&session.hash()));
                again(visit, &PendingRequest { signed_in, ..*request })
            }
        };
        visit.signed_in(&location, session, user)
    }
}

/// The page with its form, on the way of `request`.
pub(super) fn sign_in_form(
    visit: &Visit<'_>,
    request: &PendingRequest,
    client_name: Option<&str>,
    email: &str,
    problem: Option<&str>,
) -> Response {
    let sealed = request.seal(&visit.app.sealing);
    let form = visit.app.sealing.seal_text(FORM, request.expires_at(), sealed.as_bytes());
    page(StatusCode::OK, &SignInPage { site: &visit.site, client_name, form: &form, email, problem })
}

/// The page with its form, on the way to the page of ours at `path`.
pub(super) fn sign_in_form_for_page(visit: &Visit<'_>, path: &str, email: &str, problem: Option<&str>) -> Response {
    let form = visit.app.sealing.seal_text(FORM, visit.now + FORM_LIFETIME_SECONDS, path.as_bytes());
    page(StatusCode::OK, &SignInPage { site: &visit.site, client_name: None, form: &form, email, problem })
}

/// The same page for whatever was wrong, or another one when nothing could be said about it.
async fn refused(visit: &Visit<'_>, after: &After, email: &str, cause: SignInError) -> Result<Response, Stop> {
    let (status, problem, spent) = match cause {
        SignInError::Refused => (StatusCode::FORBIDDEN, REFUSED, None),
        SignInError::TooMany(spent) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY, Some(spent)),
        SignInError::Hash(cause) => return Err(cause.into()),
        SignInError::Store(cause) => return Err(cause.into()),
        SignInError::Limits(cause) => {
            tracing::error!(%cause, "sign-ins cannot be counted");
            return Err(Notice::Unavailable.into());
        }
    };
    let mut response = match after {
        After::Page(path) => sign_in_form_for_page(visit, path, email, Some(problem)),
        After::Request(request) => {
            let client = visit.app.clients.find(&request.client_id).await?;
            let name = client.as_ref().map(|client| client.name.as_str());
            sign_in_form(visit, request, name, email, Some(problem))
        }
    };
    *response.status_mut() = status;
    if let Some(Spent { retry_after_seconds, told }) = spent {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
        set_rate_limit_headers(headers, told.map(|told| (LIMIT, told)).as_slice(), visit.now);
    }
    Ok(response)
}
