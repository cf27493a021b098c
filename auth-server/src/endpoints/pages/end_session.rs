//! `/oauth2/end-session` (OpenID Connect RP-Initiated Logout §2): a client sends the browser here to sign its person out of this server.
//! By `POST` no cookie of ours arrives (`SameSite=Lax`), so the browser is sent on to the same by `GET`.

use super::{
    page::{page, see_other},
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    authorization::{PageRefusal, pending_request::SessionKey},
    consent::Destination,
    identity::end_session::{EndSession, NextStep},
    pages::{EndSessionPage, Link, MessagePage, Notice},
    parameters::{FormError, Parameters},
    router::paths,
    users::{Session, sign_out::sign_out},
};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use shared::http::RequestId;
use std::sync::Arc;

/// What stands in the query of a request that came by `POST`.
const PARAMETERS: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];
/// Longer URLs are not taken by every browser, proxy and server.
const URL_MAX_BYTES: usize = 8 * 1024;
/// The question may stand open this long.
const FORM_LIFETIME_SECONDS: i64 = 60 * 60;
const FORM: &str = "end of session";

/// The question as it was put: only the session that saw it answers it.
#[derive(Serialize, Deserialize)]
struct Asked {
    session: SessionKey,
    location: Option<String>,
}

/// Signs out whom the client showed to mean, and asks everybody else.
pub async fn show(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        if visit.is_ahead_of_the_person() {
            return Err(Stop::Ahead);
        }
        let parameters = Parameters::from_query(query.as_deref()).map_err(|_| PageRefusal::Parameters)?;
        let request = EndSession::read(&app, &parameters).await?;
        let session = visit.session().await?;
        let last = visit.known_user().await?.map(|user| user.id);
        let signed_in = session.as_ref().map(|session| session.user.id.as_str());
        match (request.next_step(signed_in, last.as_deref()), &session) {
            (NextStep::SignOut, Some(session)) => leave(&visit, session, location(&request)).await,
            (NextStep::Ask, Some(session)) => Ok(ask(&visit, session, &request)),
            (NextStep::GoOn, _) => Ok(see_other(&location(&request).unwrap_or_else(|| visit.path(paths::SIGNED_OUT)))),
            _ => Ok(say_done(&visit, &request)),
        }
    };
    visit.answer(result.await)
}

/// The same by a form of the client's, without any effect but the way there.
pub async fn submit(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.foreign_form(body).await?;
        let pairs = PARAMETERS.iter().filter_map(|name| Some((*name, form.get(name)?)));
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let location = visit.path(&format!("{}?{query}", paths::END_SESSION));
        if location.len() > URL_MAX_BYTES {
            return Err(Notice::Form(FormError::TooLarge).into());
        }
        Ok(see_other(&location))
    };
    visit.answer(result.await)
}

/// Takes the answer of the session that was asked.
pub async fn confirm(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.form(body).await?;
        let sealed = form.get("asked").unwrap_or_default();
        let plain = app.sealing.open_text(FORM, visit.now, sealed).map_err(|_| PageRefusal::Expired)?;
        let asked: Asked = serde_json::from_slice(&plain).map_err(|_| PageRefusal::Expired)?;
        let session = visit.session().await?.filter(|session| asked.session == SessionKey::of(&session.hash));
        let Some(session) = session else { return Ok(see_other(&visit.site.home)) };
        if !session.csrf.matches(form.get("csrf")) {
            return Err(Notice::ForeignForm.into());
        }
        match form.get("decision") {
            Some("sign-out") => leave(&visit, &session, asked.location).await,
            _ => Ok(see_other(&visit.site.home)),
        }
    };
    visit.answer(result.await)
}

fn location(request: &EndSession) -> Option<String> {
    request.address.as_ref().map(|address| address.url())
}

/// Ends the session; the browser goes where the client registered, or to the page that says so.
async fn leave(visit: &Visit<'_>, session: &Session, location: Option<String>) -> Result<Response, Stop> {
    sign_out(&visit.app.store, &*visit.app.random, session, visit.now).await?;
    let mut response = see_other(&location.unwrap_or_else(|| visit.path(paths::SIGNED_OUT)));
    response.headers_mut().append(header::SET_COOKIE, visit.cookie.clear());
    Ok(response)
}

fn ask(visit: &Visit<'_>, session: &Session, request: &EndSession) -> Response {
    let asked = Asked { session: SessionKey::of(&session.hash), location: location(request) };
    let plain = serde_json::to_vec(&asked).expect("texts have a JSON form");
    let sealed = visit.app.sealing.seal_text(FORM, visit.now + FORM_LIFETIME_SECONDS, &plain);
    let template = EndSessionPage {
        site: &visit.site,
        client_name: request.client.as_ref().map(|client| client.name.as_str()),
        destination: request.address.as_ref().map(|address| Destination::of(address.uri())),
        account: session.user.email.as_str(),
        csrf: session.csrf.as_str(),
        asked: &sealed,
    };
    page(StatusCode::OK, &template)
}

fn say_done(visit: &Visit<'_>, request: &EndSession) -> Response {
    let next = request.address.as_ref().map(|address| match Destination::of(address.uri()) {
        Destination::Website { host } | Destination::ThisComputer { host } => {
            format!("The application would have you back at {host}. Go there only if you came from it.")
        }
        Destination::App { scheme } => {
            format!("The application would have you back in the app that opens {scheme}: links. Go there only if you came from it.")
        }
    });
    let template = MessagePage {
        site: &visit.site,
        title: "You are signed out",
        what: "Nobody is signed in here in this browser.",
        next: next.as_deref().unwrap_or_default(),
        link: location(request).map(|href| Link { href, text: "Back to the application" }),
        correlation_id: None,
    };
    page(StatusCode::OK, &template)
}
