//! What a checked request needs next: a sign-in, a consent, or nothing but its answer. Decides by itself only what the person decided before.

use super::{AuthorizationError, PageRefusal, PendingRequest, Refusal, decide};
use crate::{
    app::App,
    clients::{Client, redirect_uri},
    consent::{self, Destination, Subject},
    resources::{Resource, grantable},
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
    /// What this user can allow of what was asked; empty when nothing.
    pub offered: ScopeSet,
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
    if request.prompt.login && !request.is_signed_in_for(&session.hash) {
        return Ok(NextStep::SignIn { client: find_client(app, request).await? });
    }
    let question = question(app, request, session).await?;
    if question.offered.is_empty() {
        refuse_if_silent(request, ErrorCode::InteractionRequired, "The account may not grant any of these scopes.")?;
        return Ok(NextStep::Consent(Box::new(question)));
    }
    if !request.prompt.consent
        && is_remembered(app, session, &question).await?
        && may_answer_silently(app, session, &question).await
    {
        let allowed =
            decide::Allowed { request, session, question: &question, scope: &question.offered, remember: false };
        return Ok(NextStep::Answer(decide::allow(app, &allowed, now).await?));
    }
    refuse_if_silent(request, ErrorCode::ConsentRequired, "The person has to be asked.")?;
    Ok(NextStep::Consent(Box::new(question)))
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

async fn is_remembered(app: &App, session: &Session, question: &Question) -> Result<bool, AuthorizationError> {
    let subject = Subject {
        user_id: &session.user.id,
        client_id: &question.client.id,
        destination: &question.destination,
        resource: &question.resource,
    };
    Ok(consent::remember::is_remembered(&app.store, &subject, &question.offered).await?)
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
    let offered = grantable(&request.asked(), &client, &session.user.roles, &resource);
    let destination = Destination::of(request.address.redirect_uri());
    Ok(Question { client, resource, destination, offered })
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
    if request.prompt.none { Err(refusal(request, code, description)) } else { Ok(()) }
}

fn refusal(request: &PendingRequest, code: ErrorCode, description: &'static str) -> AuthorizationError {
    AuthorizationError::Redirect { address: request.address.clone(), refusal: Refusal::new(code, description) }
}
