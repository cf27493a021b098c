//! `GET /reset-password/{link}` shows the form and consumes nothing; `POST` replaces the password and ends the user's sessions.

use super::{
    page::page,
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    pages::{Link, MessagePage, Notice, ResetPasswordPage},
    router::paths,
    users::{
        User,
        reset_password::{ResetPasswordError, find_user, reset_password},
    },
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use shared::{http::RequestId, secret::Secret};
use std::sync::Arc;

/// The form, while the link works.
pub async fn show(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    Path(link): Path<String>,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let user = find_user(&app.store, &link, visit.now).await?.ok_or(Notice::ResetLink)?;
        Ok(form(&visit, &link, &user, None))
    };
    visit.answer_behind_link(result.await)
}

/// Replaces the password.
pub async fn submit(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    Path(link): Path<String>,
    body: Body,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let given = visit.form_of_link(body).await?;
        let user = find_user(&app.store, &link, visit.now).await?.ok_or(Notice::ResetLink)?;
        let password = Secret::new(given.get("password").unwrap_or_default());
        match reset_password(&app.store, &app.passwords, &*app.random, &link, &password, visit.now).await {
            Ok(()) => Ok(saved(&visit)),
            Err(ResetPasswordError::Password(problem)) => Ok(form(&visit, &link, &user, Some(problem.to_string()))),
            Err(ResetPasswordError::Link) => Err(Notice::ResetLink.into()),
            Err(ResetPasswordError::Hash(cause)) => Err(cause.into()),
            Err(ResetPasswordError::Store(cause)) => Err::<_, Stop>(cause.into()),
        }
    };
    visit.answer_behind_link(result.await)
}

fn form(visit: &Visit<'_>, link: &str, user: &User, problem: Option<String>) -> Response {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, &ResetPasswordPage::new(&visit.site, link, user.email.as_str(), problem))
}

fn saved(visit: &Visit<'_>) -> Response {
    let template = MessagePage {
        site: &visit.site,
        title: "Your password is saved",
        what: "Every browser that was signed in with the old one has been signed out.",
        next: "",
        link: Some(Link { href: visit.path(paths::SIGN_IN), text: "Sign in" }),
        correlation_id: None,
    };
    let mut response = page(StatusCode::OK, &template);
    response.headers_mut().append(header::SET_COOKIE, visit.cookie.clear());
    response
}
