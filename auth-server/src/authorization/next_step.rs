//! What a checked request needs next: a sign-in, a consent, or nothing but its answer. Decides by itself only what the person decided before.

use super::{AuthorizationError, PageRefusal, PendingRequest, Refusal, decide};
use crate::{
    app::App,
    clients::{Client, redirect_uri},
    consent::{self, Destination, Subject},
    organizations::{Membership, Standing},
    resources::{Resource, grantable},
    store::organization_member,
    users::Session,
};
use shared::{
    clock::UnixSeconds,
    protocol::{error_code::ErrorCode, scope::ScopeSet},
    rate_limit::Limit,
};
use std::sync::Arc;

/// For one user and one client: a site that loops, or loads the authorization page where nobody sees it, makes grants no faster.
pub const SILENT_GRANTS: Limit = Limit { requests: 30, window_seconds: 60 * 60 };

/// What comes next.
pub enum NextStep {
    /// The person must give the password.
    SignIn {
        /// Who asks.
        client: Arc<Client>,
    },
    /// The person must decide.
    Consent(Box<Question>),
    /// The answer: the URL to redirect to.
    Answer(String),
}

/// What the consent page asks.
pub struct Question {
    /// Who asks.
    pub client: Arc<Client>,
    /// What is to be used.
    pub resource: Arc<Resource>,
    /// Where the answer goes.
    pub destination: Destination,
    /// What this user can allow of what was asked, for each organization that it could be for; a single one without an organization for
    /// whoever belongs to none.
    pub offers: Vec<Offer>,
    /// What this user can allow at least for one of them; empty when nothing.
    pub offered: ScopeSet,
}

/// What a user can allow for one organization, or without any.
pub struct Offer {
    /// The organization, and what the user is in it.
    pub membership: Option<Membership>,
    /// Who the user is for such a grant.
    pub standing: Standing,
    /// What can be allowed.
    pub scopes: ScopeSet,
}

impl Question {
    /// What there is without a choice.
    pub fn only_offer(&self) -> Option<&Offer> {
        if let [only] = self.offers.as_slice() { Some(only) } else { None }
    }

    /// What is meant by whoever chose this organization, or had nothing to choose.
    pub fn chosen_offer(&self, organization_id: Option<&str>) -> Option<&Offer> {
        let is_chosen =
            |offer: &&Offer| organization_id.is_some() && offer.standing.organization_id() == organization_id;
        self.only_offer().or_else(|| self.offers.iter().find(is_chosen))
    }

    /// Whether the person may ask not to be asked again: not where any local program could listen, nor where there is a choice to make.
    pub fn may_be_remembered(&self) -> bool {
        !self.destination.is_local() && self.only_offer().is_some()
    }

    /// The organizations that it could be for.
    pub fn organization_ids(&self) -> Vec<String> {
        self.offers.iter().filter_map(|offer| offer.standing.organization_id()).map(str::to_owned).collect()
    }
}

/// The next step of `request` in a browser where `session` is signed in.
///
/// # Errors
/// [`AuthorizationError`]: `prompt=none` where something would have to be asked, a client or resource that went away.
pub async fn next_step(
    app: &App,
    request: &PendingRequest,
    session: Option<&Session>,
    now: UnixSeconds,
) -> Result<NextStep, AuthorizationError> {
    let Some(session) = session else {
        refuse_if_silent(request, ErrorCode::LoginRequired, "Nobody is signed in.")?;
        return Ok(NextStep::SignIn { client: find_client(app, request).await? });
    };
    if must_sign_in(request, session) {
        refuse_if_silent(request, ErrorCode::LoginRequired, "The person has to sign in for this.")?;
        return Ok(NextStep::SignIn { client: find_client(app, request).await? });
    }
    if request.person.is_other_than(&session.user.id) {
        return Err(refusal(
            request,
            ErrorCode::LoginRequired,
            "Somebody else signed in than the id_token_hint names.",
        ));
    }
    let question = question(app, request, session).await?;
    if question.offered.is_empty() {
        refuse_if_silent(request, ErrorCode::InteractionRequired, "The account may not grant any of these scopes.")?;
        return Ok(NextStep::Consent(Box::new(question)));
    }
    let Some(offer) = question.only_offer() else {
        refuse_if_silent(request, ErrorCode::InteractionRequired, "The person has to choose an organization.")?;
        return Ok(NextStep::Consent(Box::new(question)));
    };
    let scope = &offer.scopes;
    let allowed = decide::Allowed { request, session, question: &question, offer, scope, remember: false };
    if !request.person.prompt.consent
        && is_remembered(app, session, &question, offer).await?
        && may_answer_silently(app, session, &question).await
        && let Some(location) = decide::allow_again(app, &allowed, now).await?
    {
        return Ok(NextStep::Answer(location));
    }
    refuse_if_silent(request, ErrorCode::ConsentRequired, "The person has to be asked.")?;
    Ok(NextStep::Consent(Box::new(question)))
}

/// Whether the password must be given for this request. Whoever gave it for this very request, in this session, need not again; that is known
/// by what is sealed with the request, so no parameter that is left out or sent again gets around it.
fn must_sign_in(request: &PendingRequest, session: &Session) -> bool {
    let person = &request.person;
    !request.is_signed_in_for(&session.hash)
        && (person.is_other_than(&session.user.id)
            || person.wants_fresh_sign_in(session.authenticated_at, request.created_at))
}

/// Counts an answer that nobody sees. What cannot be counted is asked, as what is too much.
async fn may_answer_silently(app: &App, session: &Session, question: &Question) -> bool {
    let key = format!("{} {}", session.user.id, question.client.id);
    match app.limits.check("silent-grants", &key, SILENT_GRANTS).await {
        Ok(decision) => decision.allowed,
        Err(cause) => {
            tracing::warn!(%cause, "answers without a question cannot be counted");
            false
        }
    }
}

async fn is_remembered(
    app: &App,
    session: &Session,
    question: &Question,
    offer: &Offer,
) -> Result<bool, AuthorizationError> {
    let subject = Subject {
        user_id: &session.user.id,
        client_id: &question.client.id,
        destination: &question.destination,
        resource: &question.resource,
        organization_id: offer.standing.organization_id(),
    };
    Ok(consent::remember::is_remembered(&mut app.store.read(), &subject, &offer.scopes).await?)
}

/// What there is to ask the user of `session`, by what is registered and permitted now.
///
/// # Errors
/// [`AuthorizationError`] when client or resource went away meanwhile, or nobody knows.
pub async fn question(app: &App, request: &PendingRequest, session: &Session) -> Result<Question, AuthorizationError> {
    let client = find_client(app, request).await?;
    let resource = app
        .resources
        .find(&request.resource)
        .ok_or_else(|| refusal(request, ErrorCode::InvalidTarget, "The resource is not registered any more."))?;
    let memberships = organization_member::list_of_user(&mut app.store.read(), &session.user.id).await?;
    let asked = request.asked();
    let offer = |membership: Option<Membership>| {
        let standing = Standing::of(&session.user, membership.as_ref());
        let scopes = grantable(&asked, &client, &standing.roles, &resource);
        Offer { membership, standing, scopes }
    };
    // Who somebody is, is for no organization.
    let offers: Vec<Offer> = if memberships.is_empty() || resource.is_identity() {
        vec![offer(None)]
    } else {
        memberships.into_iter().map(Some).map(offer).collect()
    };
    let offered = offers.iter().flat_map(|offer| offer.scopes.iter()).collect();
    let destination = Destination::of(request.address.redirect_uri());
    Ok(Question { client, resource, destination, offers, offered })
}

async fn find_client(app: &App, request: &PendingRequest) -> Result<Arc<Client>, AuthorizationError> {
    let client = app.clients.find(&request.client_id).await?.ok_or(PageRefusal::UnknownClient)?;
    // It may have replaced its registration since the request was checked.
    let goes_back = |registered: &String| redirect_uri::matches(registered, request.address.redirect_uri());
    if client.redirect_uris.iter().any(goes_back) {
        Ok(client)
    } else {
        Err(PageRefusal::RedirectUriUnregistered.into())
    }
}

fn refuse_if_silent(
    request: &PendingRequest,
    code: ErrorCode,
    description: &'static str,
) -> Result<(), AuthorizationError> {
    if request.person.prompt.none { Err(refusal(request, code, description)) } else { Ok(()) }
}

fn refusal(request: &PendingRequest, code: ErrorCode, description: &'static str) -> AuthorizationError {
    AuthorizationError::Redirect { address: request.address.clone(), refusal: Refusal::new(code, description) }
}
