//! `POST /sign-out` ends the session of this browser; `GET /signed-out` says that it did.

use super::{
    consent::again,
    page::{page, see_other},
    visit::Visit,
};
use crate::{
    app::App,
    authorization::PendingRequest,
    pages::{Link, MessagePage, Notice},
    router::paths,
    users::sign_out::sign_out,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode, header};
use shared::http::RequestId;
use std::sync::Arc;

/// Ends the session; goes on with a request that somebody else is to decide, if there is one.
pub async fn submit(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.form(body).await?;
        if let Some(session) = visit.session().await? {
            if !session.csrf.matches(form.get("csrf")) {
                return Err(Notice::ForeignForm.into());
            }
            sign_out(&app.store, &*app.random, &session, visit.now).await?;
        }
        let request =
            form.get("request").map(|sealed| PendingRequest::open(&app.sealing, visit.now, sealed)).transpose()?;
        let location = request.map_or_else(|| visit.path(paths::SIGNED_OUT), |request| again(&visit, &request));
        let mut response = see_other(&location);
        response.headers_mut().append(header::SET_COOKIE, visit.cookie.clear());
        Ok(response)
    };
    visit.answer(result.await)
}

/// Says that nobody is signed in any more.
pub async fn show(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let template = MessagePage {
        site: &visit.site,
        title: "You are signed out",
        what: "This browser no longer knows who you are.",
        next: "What you allowed applications to do stays allowed until it is taken back.",
        link: Some(Link { href: visit.path(paths::SIGN_IN), text: "Sign in again" }),
        correlation_id: None,
    };
    page(StatusCode::OK, &template)
}
