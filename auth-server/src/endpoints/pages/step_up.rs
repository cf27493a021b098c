//! `GET /step-up` and `POST /step-up`: a person adds scopes to a grant of theirs. Resource servers give out links to it; a link carries no
//! secret and leads nowhere else.

use super::{
    authorize::name_or_id,
    page::page,
    sign_in::sign_in_form_for_page,
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    authorization::{
        PageRefusal,
        return_address::append_query,
        widen_grant::{Widening, find_widening, leave_grant, widen_grant},
    },
    clients::ClientOrigin,
    pages::{MessagePage, Notice, ScopeChoice, StepUpPage},
    parameters::Parameters,
    router::paths,
    users::Session,
};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use shared::{http::RequestId, protocol::scope::ScopeSet};
use std::sync::Arc;

/// No id of a grant is longer.
const GRANT_ID_MAX_BYTES: usize = 64;

/// What a link names.
struct Wanted {
    grant_id: String,
    scope: ScopeSet,
}

impl Wanted {
    fn read(parameters: &Parameters) -> Result<Self, Notice> {
        let grant_id = parameters.get("grant").unwrap_or_default();
        let scope: ScopeSet = parameters.get("scope").unwrap_or_default().parse().unwrap_or_default();
        let is_sound = !grant_id.is_empty() && grant_id.len() <= GRANT_ID_MAX_BYTES && !scope.is_empty();
        if is_sound { Ok(Self { grant_id: grant_id.to_owned(), scope }) } else { Err(Notice::StepUpLink) }
    }

    /// The same link, below the issuer's path.
    fn path(&self) -> String {
        append_query(paths::STEP_UP, [("grant", self.grant_id.as_str()), ("scope", &self.scope.to_string())])
    }
}

/// Asks whoever is signed in; the sign-in page comes first where nobody is.
pub async fn show(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let wanted = Wanted::read(&Parameters::from_query(query.as_deref()).map_err(Notice::from)?)?;
        let Some(session) = visit.session().await? else {
            return Ok(sign_in_form_for_page(&visit, &wanted.path(), "", None));
        };
        let widening = find(&visit, &session, &wanted).await?;
        Ok(ask(&visit, &session, &widening, &wanted, false))
    };
    visit.answer(result.await)
}

/// Takes the decision.
pub async fn submit(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.form(body).await?;
        let wanted = Wanted::read(&form)?;
        let again = || Stop::Redirect(visit.path(&wanted.path()));
        let session = visit.session().await?.ok_or_else(again)?;
        if !session.csrf.matches(form.get("csrf")) {
            return Err(Notice::ForeignForm.into());
        }
        let widening = find(&visit, &session, &wanted).await?;
        match form.get("decision") {
            Some("allow") => allow(&visit, &session, &widening, &wanted, &form).await?.ok_or_else(again),
            Some("deny") => {
                leave_grant(&app, &session, &widening.grant, visit.now).await?;
                let what = "The application can do what it could before, and nothing more.";
                Ok(said(&visit, "Nothing was changed", what, "You may close this page."))
            }
            _ => Err(PageRefusal::Forged.into()),
        }
    };
    visit.answer(result.await)
}

async fn find(visit: &Visit<'_>, session: &Session, wanted: &Wanted) -> Result<Widening, Stop> {
    let found = find_widening(visit.app, session, &wanted.grant_id, &wanted.scope, visit.now).await?;
    found.ok_or_else(|| Notice::StepUpLink.into())
}

/// Allows what is ticked; `None` when what was shown is not what there is any more.
async fn allow(
    visit: &Visit<'_>,
    session: &Session,
    widening: &Widening,
    wanted: &Wanted,
    form: &Parameters,
) -> Result<Option<Response>, Stop> {
    if form.get("policy_version") != Some(&widening.resource.policy_version.to_string()) {
        return Ok(None);
    }
    let ticked: ScopeSet = form.iter().filter_map(|(name, _)| name.strip_prefix("scope:")).collect();
    let ticked = ticked.intersection(&widening.offered);
    if ticked.is_empty() {
        return Ok(Some(ask(visit, session, widening, wanted, true)));
    }
    let is_widened = widen_grant(visit.app, session, widening, &ticked, visit.now).await?;
    let next = "Go back to the application and let it try again. You may close this page.";
    Ok(is_widened.then(|| said(visit, "It is allowed", "The application can do it from now on.", next)))
}

/// The question, if there is one.
fn ask(
    visit: &Visit<'_>,
    session: &Session,
    widening: &Widening,
    wanted: &Wanted,
    nothing_was_chosen: bool,
) -> Response {
    let Widening { grant, client, resource, membership, offered } = widening;
    if offered.is_empty() {
        return nothing_to_ask(visit, wanted.scope.is_subset(&grant.scope));
    }
    let scopes = resource.scopes.iter().filter(|scope| offered.contains(&scope.name));
    let choices = scopes.map(|scope| ScopeChoice {
        name: &scope.name,
        description: &scope.description,
        tools: &scope.tools,
        implies: &scope.implies,
        only_for: Vec::new(),
        is_chosen: !nothing_was_chosen,
    });
    let template = StepUpPage {
        site: &visit.site,
        client_name: name_or_id(&client.name, &client.id),
        client_id: &client.id,
        client_is_self_registered: client.origin == ClientOrigin::Dynamic,
        resource_name: name_or_id(&resource.name, &resource.id),
        resource_id: &resource.id,
        organization: membership.as_ref().map(|membership| membership.organization.name.as_str()),
        scopes: choices.collect(),
        held: grant.scope.iter().collect(),
        account: session.user.email.as_str(),
        csrf: session.csrf.as_str(),
        grant: &grant.id,
        asked: &wanted.scope.to_string(),
        policy_version: resource.policy_version,
        nothing_was_chosen,
    };
    page(if nothing_was_chosen { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

fn nothing_to_ask(visit: &Visit<'_>, is_allowed: bool) -> Response {
    if is_allowed {
        let next = "Go back to the application and let it try again. You may close this page.";
        return said(visit, "It is allowed already", "There is nothing more to allow.", next);
    }
    let what = "Your account, or the application, may not have what was asked for.";
    said(visit, "Your account cannot allow this", what, "An administrator of this server can change that.")
}

fn said(visit: &Visit<'_>, title: &str, what: &str, next: &str) -> Response {
    let template = MessagePage { site: &visit.site, title, what, next, link: None, correlation_id: None };
    page(StatusCode::OK, &template)
}
