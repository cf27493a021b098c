//! `POST /grants/end`, `POST /clients/end` and `POST /sessions/end`: a signed-in person takes back what is listed at home.

use super::{
    page::see_other,
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    audit::Actor,
    change_log::follower::catch_up_if_possible,
    grants::{end_client_access::end_client_access, end_grant::end_own_grant},
    pages::Notice,
    parameters::Parameters,
    router::paths,
    store::authorization_grant::RevocationReason,
    users::{Session, end_session::end_own_session},
};
use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use shared::http::RequestId;
use std::sync::Arc;

/// Ends one thing that was allowed a client.
pub async fn end_grant(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        if let Some((session, form)) = own_form(&visit, body).await? {
            let grant = form.get("grant").unwrap_or_default();
            end_own_grant(&app.store, &*app.random, &session.user.id, grant, visit.now).await?;
            catch_up_if_possible(&app).await;
            return Ok(see_other(&visit.site.home));
        }
        Ok(see_other(&visit.path(paths::SIGN_IN)))
    };
    visit.answer(result.await)
}

/// Ends all that was allowed one client.
pub async fn end_client(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        if let Some((session, form)) = own_form(&visit, body).await? {
            let (user_id, client_id) = (&session.user.id, form.get("client").unwrap_or_default());
            let by = (&Actor::Person { user_id: user_id.clone() }, RevocationReason::User);
            end_client_access(&app.store, &*app.random, by, user_id, client_id, visit.now).await?;
            catch_up_if_possible(&app).await;
            return Ok(see_other(&visit.site.home));
        }
        Ok(see_other(&visit.path(paths::SIGN_IN)))
    };
    visit.answer(result.await)
}

/// Signs another browser out.
pub async fn end_session(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        if let Some((session, form)) = own_form(&visit, body).await? {
            let ended = form.get("session").unwrap_or_default();
            end_own_session(&app.store, &*app.random, &session.user.id, ended, visit.now).await?;
            return Ok(see_other(&visit.site.home));
        }
        Ok(see_other(&visit.path(paths::SIGN_IN)))
    };
    visit.answer(result.await)
}

/// The form, if somebody is signed in and it was made for this session.
async fn own_form(visit: &Visit<'_>, body: Body) -> Result<Option<(Session, Parameters)>, Stop> {
    let form = visit.form(body).await?;
    let Some(session) = visit.session().await? else { return Ok(None) };
    if !session.csrf.matches(form.get("csrf")) {
        return Err(Notice::ForeignForm.into());
    }
    Ok(Some((session, form)))
}
