//! `GET /oauth2/authorize` (RFC 6749 §3.1), and what follows it in the same browser until the decision. A look at it changes nothing:
//! fastmcp fetches it beforehand to see whether it is still registered. Only in a browser whose user told us not to ask again does it
//! answer at once, and then never to `HEAD` or to a browser that loads ahead: a grant is made for somebody who came.

use super::{
    consent::again,
    page::{page, see_other},
    sign_in::sign_in_form,
    visit::{Stop, Visit},
};
use crate::parameters::Parameters;
use crate::{
    app::App,
    authorization::{
        self, PendingRequest, ShownRequest,
        next_step::{NextStep, Question, next_step},
        pending_request::SessionKey,
    },
    clients::ClientOrigin,
    identity::{self, scopes::IDENTITY_SCOPES},
    organizations::Membership,
    pages::{ConsentPage, ConsentProblem, Notice, OrganizationChoice, ScopeChoice},
    users::Session,
};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use shared::{
    http::RequestId,
    protocol::{resource_document::ResourceScope, scope::ScopeSet},
};
use std::sync::Arc;

/// Checks the request and shows what it needs: sign-in or consent; or redirects with the answer.
pub async fn authorize(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let parameters = Parameters::from_query(query.as_deref())
            .map_err(|_| Notice::from(authorization::PageRefusal::Parameters))?;
        let request = authorization::check(&app, &parameters, visit.now).await?;
        proceed(&visit, &request, visit.session().await?.as_ref()).await
    };
    visit.answer(result.await)
}

/// The same by a form, which comes from the client's site: no cookie of ours arrives with it (`SameSite=Lax`). The request is checked as
/// any other, and the browser is sent on with it; nothing else happens here.
///
/// OpenID Connect Core §3.1.2.1.
pub async fn submit(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap, body: Body) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let parameters = visit.foreign_form(body).await?;
        let request = authorization::check(&app, &parameters, visit.now).await?;
        Ok(see_other(&again(&visit, &request)))
    };
    visit.answer(result.await)
}

/// Shows the next step of a checked request, or redirects with its answer.
pub(super) async fn proceed(
    visit: &Visit<'_>,
    request: &PendingRequest,
    session: Option<&Session>,
) -> Result<Response, Stop> {
    if visit.is_ahead_of_the_person() {
        return Err(Stop::Ahead);
    }
    match (next_step(visit.app, request, session, visit.now).await?, session) {
        (NextStep::Answer(location), _) => Ok(see_other(&location)),
        (NextStep::Consent(question), Some(session)) => {
            let filled = Filled { ticked: &question.offered, organization: None, problem: None };
            Ok(consent_page(visit, request, session, &question, &filled))
        }
        (NextStep::SignIn { client }, session) => {
            let email = likely_address(request, session);
            Ok(sign_in_form(visit, request, Some(&client.name), email, None))
        }
        (NextStep::Consent(_), None) => Err(Notice::Unavailable.into()),
    }
}

/// What the sign-in page begins with: what the client says, or who is to give the password again.
fn likely_address<'a>(request: &'a PendingRequest, session: Option<&'a Session>) -> &'a str {
    let again = session.map(|session| &session.user).filter(|user| !request.person.is_other_than(&user.id));
    request.person.login_hint.as_deref().or(again.map(|user| user.email.as_str())).unwrap_or_default()
}

/// What the form of the consent page is filled with.
pub(super) struct Filled<'a> {
    /// The scopes that are ticked.
    pub(super) ticked: &'a ScopeSet,
    /// The organization that is chosen.
    pub(super) organization: Option<&'a str>,
    /// What was wrong with the last answer.
    pub(super) problem: Option<ConsentProblem>,
}

/// The consent page. Its form carries the request bound to this session, this user and what is shown.
pub(super) fn consent_page(
    visit: &Visit<'_>,
    request: &PendingRequest,
    session: &Session,
    question: &Question,
    filled: &Filled<'_>,
) -> Response {
    let shown = ShownRequest {
        request: request.clone(),
        session: SessionKey::of(&session.hash),
        user_id: session.user.id.clone(),
        offered: question.offered.to_string(),
        organizations: question.organization_ids(),
        policy_version: question.resource.policy_version,
    };
    let template = ConsentPage {
        site: &visit.site,
        client_name: name_or_id(&question.client.name, &question.client.id),
        client_id: &question.client.id,
        client_is_self_registered: question.client.origin == ClientOrigin::Dynamic,
        asks_identity_only: question.offered.is_subset(&identity::scopes::all()),
        resource_name: name_or_id(&question.resource.name, &question.resource.id),
        resource_id: &question.resource.id,
        destination: &question.destination,
        scopes: choices(question, filled.ticked),
        unknown_scopes: request.unknown_scope.split_whitespace().collect(),
        may_be_remembered: question.may_be_remembered(),
        account: session.user.email.as_str(),
        csrf: session.csrf.as_str(),
        request: &shown.seal(&visit.app.sealing),
        pending: &request.seal(&visit.app.sealing),
        organizations: organizations(question, filled.organization),
        problem: filled.problem,
    };
    page(if filled.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

/// What is offered, in the resource's order; after it what is asked of the person's identity.
fn choices<'a>(question: &'a Question, chosen: &ScopeSet) -> Vec<ScopeChoice<'a>> {
    let offered = question.resource.scopes.iter().filter(|scope| question.offered.contains(&scope.name));
    let choice = |scope: &'a ResourceScope| ScopeChoice {
        name: &scope.name,
        description: &scope.description,
        tools: &scope.tools,
        implies: &scope.implies,
        only_for: only_for(question, &scope.name),
        is_chosen: chosen.contains(&scope.name),
    };
    let identity = IDENTITY_SCOPES.iter().filter(|scope| question.offered.contains(scope.name));
    let identity = identity.map(|scope| ScopeChoice {
        name: scope.name,
        description: scope.description,
        tools: &[],
        implies: &[],
        only_for: only_for(question, scope.name),
        is_chosen: chosen.contains(scope.name),
    });
    offered.map(choice).chain(identity).collect()
}

/// The organizations that it could be for.
fn organizations<'a>(question: &'a Question, chosen: Option<&str>) -> Vec<OrganizationChoice<'a>> {
    let memberships = question.offers.iter().filter_map(|offer| offer.membership.as_ref());
    let choice = |membership: &'a Membership| OrganizationChoice {
        id: &membership.organization.id,
        name: &membership.organization.name,
        slug: &membership.organization.slug,
        role: membership.role,
        is_chosen: chosen == Some(membership.organization.id.as_str()),
    };
    memberships.map(choice).collect()
}

/// The organizations for which alone the scope can be allowed; empty when it is all of them.
fn only_for<'a>(question: &'a Question, scope: &str) -> Vec<&'a str> {
    if question.offers.iter().all(|offer| offer.scopes.contains(scope)) {
        return Vec::new();
    }
    let offers = question.offers.iter().filter(|offer| offer.scopes.contains(scope));
    offers.filter_map(|offer| offer.membership.as_ref()).map(|member| member.organization.name.as_str()).collect()
}

pub(super) fn name_or_id<'a>(name: &'a str, id: &'a str) -> &'a str {
    if name.trim().is_empty() { id } else { name }
}
