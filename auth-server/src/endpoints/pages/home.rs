//! `GET /` of the issuer: what this is.

use super::{page::page, visit::Visit};
use crate::{
    app::App,
    pages::{HomePage, SignedInAccount},
    users::set_up::is_done,
};
use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use shared::http::RequestId;
use std::sync::Arc;

/// Says what this server is for, and who is signed in.
pub async fn home(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let session = visit.session().await?;
        let account = session.as_ref().map(|session| SignedInAccount {
            name: &session.user.display_name,
            email: session.user.email.as_str(),
            csrf: session.csrf.as_str(),
        });
        let is_set_up = account.is_some() || is_done(&app.store).await?;
        Ok(page(StatusCode::OK, &HomePage { site: &visit.site, account, is_set_up }))
    };
    visit.answer(result.await)
}
