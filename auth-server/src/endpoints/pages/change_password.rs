//! `GET /change-password` and `POST /change-password`, for whoever is signed in.

use super::{
    page::{page, see_other},
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    pages::{ChangePasswordPage, Link, MessagePage, Notice},
    router::paths,
    users::{
        Session,
        change_password::{ChangePasswordError, PasswordChange, change_password},
    },
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use shared::{
    http::{RequestId, set_rate_limit_headers},
    secret::Secret,
};
use std::sync::Arc;

/// How the headers call the limit.
const LIMIT: &str = "password-change";
const WRONG: &str = "This is not your current password.";
const TOO_MANY: &str = "Too many wrong attempts. Wait a quarter of an hour, then try again.";

/// The form; the sign-in page where nobody is signed in.
pub async fn show(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        Ok(match visit.session().await? {
            Some(session) => form(&visit, &session, StatusCode::OK, None, None),
            None => see_other(&visit.path(paths::SIGN_IN)),
        })
    };
    visit.answer(result.await)
}

/// Replaces the password; this browser goes on in a session of its own, all others end.
pub async fn submit(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let given = visit.form(body).await?;
        let Some(session) = visit.session().await? else { return Ok(see_other(&visit.path(paths::SIGN_IN))) };
        if !session.csrf.matches(given.get("csrf")) {
            return Err(Notice::ForeignForm.into());
        }
        let [current, new] =
            ["current_password", "password"].map(|name| Secret::new(given.get(name).unwrap_or_default()));
        let change = PasswordChange { session: &session, current: &current, new: &new };
        let (lifetimes, random) = (app.session_lifetimes, &*app.random);
        match change_password(&app.store, &app.passwords, &app.limits, lifetimes, random, &change, visit.now).await {
            Ok(token) => Ok(visit.with_session(changed(&visit), &token, &session.user)),
            Err(cause) => refused(&visit, &session, cause),
        }
    };
    visit.answer(result.await)
}

fn refused(visit: &Visit<'_>, session: &Session, cause: ChangePasswordError) -> Result<Response, Stop> {
    Ok(match cause {
        ChangePasswordError::Current => form(visit, session, StatusCode::FORBIDDEN, Some(WRONG.to_owned()), None),
        ChangePasswordError::New(problem) => {
            form(visit, session, StatusCode::UNPROCESSABLE_ENTITY, None, Some(problem.to_string()))
        }
        ChangePasswordError::TooMany(decision) => {
            let problem = Some(TOO_MANY.to_owned());
            let mut response = form(visit, session, StatusCode::TOO_MANY_REQUESTS, problem, None);
            set_rate_limit_headers(response.headers_mut(), &[(LIMIT, decision)], visit.now);
            response
        }
        ChangePasswordError::SignedOut => see_other(&visit.path(paths::SIGN_IN)),
        ChangePasswordError::Hash(cause) => return Err(cause.into()),
        ChangePasswordError::Store(cause) => return Err(cause.into()),
        ChangePasswordError::Limits(cause) => {
            tracing::error!(%cause, "attempts to change a password cannot be counted");
            return Err(Notice::Unavailable.into());
        }
    })
}

fn form(
    visit: &Visit<'_>,
    session: &Session,
    status: StatusCode,
    current_problem: Option<String>,
    password_problem: Option<String>,
) -> Response {
    let (email, csrf) = (session.user.email.as_str(), session.csrf.as_str());
    page(status, &ChangePasswordPage::new(&visit.site, email, csrf, current_problem, password_problem))
}

fn changed(visit: &Visit<'_>) -> Response {
    let template = MessagePage {
        site: &visit.site,
        title: "Your password is changed",
        what: "You stay signed in here. Every other browser has been signed out.",
        next: "Applications that you allowed stay connected.",
        link: Some(Link { href: visit.site.home.clone(), text: "Back to your account" }),
        correlation_id: None,
    };
    page(StatusCode::OK, &template)
}
