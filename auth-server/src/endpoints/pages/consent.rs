//! `GET /oauth2/consent`: on with a request after sign-in. `POST /oauth2/consent`: the decision.

use super::{
    authorize::{Filled, consent_page, proceed},
    page::see_other,
    visit::{Stop, Visit},
};
use crate::parameters::Parameters;
use crate::{
    app::App,
    authorization::{
        PageRefusal, PendingRequest, ShownRequest,
        decide::{self, Allowed},
        next_step::{Question, question},
        pending_request::SessionKey,
    },
    identity,
    pages::{ConsentProblem, Notice},
    router::paths,
    users::Session,
};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use shared::{http::RequestId, protocol::scope::ScopeSet};
use std::sync::Arc;

/// Goes on with a sealed request in whatever session there is now.
pub async fn show(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let parameters = Parameters::from_query(query.as_deref()).map_err(Notice::from)?;
        let sealed = parameters.get("request").unwrap_or_default();
        let request = PendingRequest::open(&app.sealing, visit.now, sealed)?;
        proceed(&visit, &request, visit.session().await?.as_ref()).await
    };
    visit.answer(result.await)
}

/// Takes the decision of the session that saw the page.
pub async fn decide(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let form = visit.form(body).await?;
        let shown = ShownRequest::open(&app.sealing, visit.now, form.get("request").unwrap_or_default())?;
        let session = visit.session().await?.filter(|session| saw(session, &shown));
        // Signed out, or signed in anew in another tab: nothing is decided, the page is shown again to whoever is here now.
        let Some(session) = session else { return Err(Stop::Redirect(again(&visit, &shown.request))) };
        if !session.csrf.matches(form.get("csrf")) {
            return Err(Notice::ForeignForm.into());
        }
        match form.get("decision") {
            Some("allow") => allow(&visit, &shown, &session, &form).await,
            Some("deny") => Ok(see_other(&decide::deny(&app, &shown.request, &session, visit.now).await?)),
            _ => Err(PageRefusal::Forged.into()),
        }
    };
    visit.answer(result.await)
}

/// Allows what is still ticked, if what was shown is still what would be granted.
async fn allow(
    visit: &Visit<'_>,
    shown: &ShownRequest,
    session: &Session,
    form: &Parameters,
) -> Result<Response, Stop> {
    let request = &shown.request;
    let question = question(visit.app, request, session).await?;
    let is_what_was_shown =
        question.resource.policy_version == shown.policy_version && question.organization_ids() == shown.organizations;
    if !is_what_was_shown {
        return Err(Stop::Redirect(again(visit, request)));
    }
    let (ticked, organization) = (ticked(form, shown, &question), form.get("organization"));
    let show_again = |problem| {
        let filled = Filled { ticked: &ticked, organization, problem: Some(problem) };
        Ok(consent_page(visit, request, session, &question, &filled))
    };
    let Some(offer) = question.chosen_offer(organization) else { return show_again(ConsentProblem::Organization) };
    let scope = &ticked.intersection(&offer.scopes);
    if scope.is_empty() {
        let nothing = ticked.is_empty() || question.only_offer().is_some();
        let problem = if nothing { ConsentProblem::Nothing } else { ConsentProblem::NothingForOrganization };
        return show_again(problem);
    }
    let remember = form.get("remember").is_some() && question.may_be_remembered();
    let allowed = Allowed { request, session, question: &question, offer, scope, remember };
    Ok(see_other(&decide::allow(visit.app, &allowed, visit.now).await?))
}

/// Ticked, shown, and grantable now at least for one of the organizations.
fn ticked(form: &Parameters, shown: &ShownRequest, question: &Question) -> ScopeSet {
    let ticked: ScopeSet = form.iter().filter_map(|(name, _)| name.strip_prefix("scope:")).collect();
    let chosen = ticked.intersection(&shown.offered()).intersection(&question.offered);
    // Without `openid` the others open nothing, so they are not said to be granted.
    let identity = identity::scopes::of(&chosen);
    chosen.difference(&identity::scopes::all()).union(&identity)
}

fn saw(session: &Session, shown: &ShownRequest) -> bool {
    shown.session == SessionKey::of(&session.hash) && shown.user_id == session.user.id
}

/// Where the request is shown to whoever is signed in.
pub(super) fn again(visit: &Visit<'_>, request: &PendingRequest) -> String {
    visit.path(&format!("{}?request={}", paths::CONSENT, request.seal(&visit.app.sealing)))
}
