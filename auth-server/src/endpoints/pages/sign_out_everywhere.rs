//! `POST /sign-out/everywhere` ends every session of who is signed in here.

use super::{page::see_other, visit::Visit};
use crate::{app::App, audit::Actor, pages::Notice, router::paths, users::sign_out_everywhere::sign_out_everywhere};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, header};
use shared::http::RequestId;
use std::sync::Arc;

/// Ends them all, this one too.
pub async fn submit(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.form(body).await?;
        if let Some(session) = visit.session().await? {
            if !session.csrf.matches(form.get("csrf")) {
                return Err(Notice::ForeignForm.into());
            }
            let by = Actor::Person { user_id: session.user.id.clone() };
            sign_out_everywhere(&app.store, &*app.random, &by, &session.user.id, visit.now).await?;
        }
        let mut response = see_other(&visit.path(paths::SIGNED_OUT));
        response.headers_mut().append(header::SET_COOKIE, visit.cookie.clear());
        Ok(response)
    };
    visit.answer(result.await)
}
