//! `GET /` of the issuer: what this is; and for whoever is signed in, what they allowed and where they are signed in.

use super::{
    page::page,
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    consent::allowed::list_allowed,
    pages::{HomePage, OpenSession, SignedInAccount, Tools},
    store::browser_session,
    users::{Session, set_up::is_done},
};
use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use shared::http::RequestId;
use std::sync::Arc;

/// More browsers than this are not shown at once.
const SESSIONS_SHOWN_MAX: i64 = 50;

/// Says what this server is for, and who is signed in.
pub async fn home(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let session = visit.session().await?;
        let account = match &session {
            Some(session) => Some(account(&visit, session).await?),
            None => None,
        };
        let is_set_up = account.is_some() || is_done(&app.store).await?;
        Ok(page(StatusCode::OK, &HomePage { site: &visit.site, account, is_set_up }))
    };
    visit.answer(result.await)
}

async fn account<'a>(visit: &Visit<'_>, session: &'a Session) -> Result<SignedInAccount<'a>, Stop> {
    let (app, user_id) = (visit.app, &session.user.id);
    let idle_since = visit.now - app.session_lifetimes.idle_seconds;
    let mut reader = app.store.read();
    let sessions =
        browser_session::list_page(&mut reader, user_id, "", SESSIONS_SHOWN_MAX, visit.now, idle_since).await?;
    let here = browser_session::public_id(&session.hash);
    let mut sessions: Vec<OpenSession> = sessions.into_iter().map(|record| OpenSession::of(record, &here)).collect();
    sessions.sort_by_key(OpenSession::place);
    let tools = app.resources.list();
    let tools = tools.iter().map(|resource| Tools { name: resource.name.clone(), url: resource.id.clone() });
    Ok(SignedInAccount {
        name: &session.user.display_name,
        email: session.user.email.as_str(),
        csrf: session.csrf.as_str(),
        is_administrator: session.user.is_administrator(),
        tools: tools.collect(),
        allowed: list_allowed(app, user_id, visit.now).await?.into_iter().map(Into::into).collect(),
        sessions,
    })
}
