//! Drives oxide-auth's `Authorization` machine: it holds the order (client and redirect URI before anything is told to the client, extensions
//! before negotiation) and refuses inputs out of order. Our own checks come first, because its
//! refusals lack codes we need (`invalid_target`, `login_required`) and its rendering has the wrong keys.

use super::{
    AuthorizationError, Bound, PageRefusal, PendingRequest, Refusal, bind, extend, negotiate,
    pending_request::PendingRequest as Request,
};
use crate::{app::App, parameters::Parameters};
use oxide_auth::{
    code_grant::{
        authorization::{Authorization, Error, Input, Output, Request as MachineRequest},
        error::AuthorizationErrorType,
        extensions::Pkce,
    },
    primitives::{
        grant::{Extensions, GrantExtension, Value},
        registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl},
    },
};
use shared::{clock::UnixSeconds, protocol::error_code::ErrorCode, random::random_id};
use std::borrow::Cow;

/// The request as the machine sees it.
struct Asked<'a>(&'a Parameters);

impl MachineRequest for Asked<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        self.extension("client_id")
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.extension("scope")
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.extension("redirect_uri")
    }
    fn state(&self) -> Option<Cow<'_, str>> {
        self.extension("state")
    }
    fn response_type(&self) -> Option<Cow<'_, str>> {
        self.extension("response_type")
    }
    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

/// The resource travels as an extension of the grant.
struct ResourceExtension;

impl GrantExtension for ResourceExtension {
    fn identifier(&self) -> &'static str {
        "resource"
    }
}

/// What the machine asked for; owned, because its outputs must not live across an await.
enum Todo {
    Start,
    Bind,
    Extend,
    Negotiate(BoundClient<'static>),
    Done(PreGrant),
}

/// Carries one request through the machine.
pub(super) async fn drive(
    app: &App,
    parameters: &Parameters,
    now: UnixSeconds,
) -> Result<PendingRequest, AuthorizationError> {
    let asked = Asked(parameters);
    let mut machine = Authorization::new(&asked);
    let mut bound: Option<Bound> = None;
    let mut todo = Todo::Start;
    loop {
        let input = match todo {
            Todo::Start => Input::None,
            Todo::Bind => {
                let bound = bound.insert(bind(app, parameters).await?);
                Input::Bound { request: &asked, bound_client: bound_client(bound)? }
            }
            Todo::Extend => {
                let bound = bound.as_mut().ok_or(OUT_OF_ORDER)?;
                extend(app, bound, parameters)?;
                Input::Extended(extensions(bound, parameters)?)
            }
            Todo::Negotiate(client) => {
                let bound = bound.as_mut().ok_or(OUT_OF_ORDER)?;
                negotiate(bound, parameters)?;
                Input::Negotiated { pre_grant: pre_grant(bound, client)?, state: None }
            }
            Todo::Done(pre_grant) => return pending(app, &bound.ok_or(OUT_OF_ORDER)?, &pre_grant, parameters, now),
        };
        todo = match machine.advance(input) {
            Output::Bind { .. } => Todo::Bind,
            Output::Extend => Todo::Extend,
            Output::Negotiate { bound_client, .. } => Todo::Negotiate(bound_client.clone()),
            Output::Ok { pre_grant, .. } => Todo::Done(pre_grant),
            Output::Err(error) => return Err(translate(error, bound.as_ref(), parameters)),
        };
    }
}

/// The machine asked for something twice or too early: a bug of ours, and nothing to tell a client.
const OUT_OF_ORDER: AuthorizationError = AuthorizationError::ShowPage(PageRefusal::Unavailable);

fn bound_client(bound: &Bound) -> Result<BoundClient<'static>, AuthorizationError> {
    let url =
        ExactUrl::new(bound.address.redirect_uri().to_owned()).map_err(|_| PageRefusal::RedirectUriUnregistered)?;
    Ok(BoundClient {
        client_id: Cow::Owned(bound.client.id.clone()),
        redirect_uri: Cow::Owned(RegisteredUrl::Exact(url)),
    })
}

fn extensions(bound: &Bound, parameters: &Parameters) -> Result<Extensions, AuthorizationError> {
    let (pkce, mut extensions) = (Pkce::required(), Extensions::new());
    let challenge = |name| parameters.get(name).map(Cow::Borrowed);
    match pkce.challenge(challenge("code_challenge_method"), challenge("code_challenge")) {
        Ok(Some(value)) => extensions.set(&pkce, value),
        _ => return Err(bound.refuse(Refusal::invalid_request("PKCE with S256 is required."))),
    }
    extensions.set(&ResourceExtension, Value::public(bound.resource.as_ref().map(|resource| resource.id.clone())));
    Ok(extensions)
}

fn pre_grant(bound: &Bound, client: BoundClient<'static>) -> Result<PreGrant, AuthorizationError> {
    let malformed = |_| bound.refuse(Refusal::new(ErrorCode::InvalidScope, "The scope is malformed."));
    Ok(PreGrant {
        client_id: client.client_id.into_owned(),
        redirect_uri: client.redirect_uri.into_owned(),
        scope: bound.scope.known.to_string().parse().map_err(malformed)?,
    })
}

fn pending(
    app: &App,
    bound: &Bound,
    pre_grant: &PreGrant,
    parameters: &Parameters,
    now: UnixSeconds,
) -> Result<PendingRequest, AuthorizationError> {
    let (Some(resource), Some(code_challenge)) = (&bound.resource, parameters.get("code_challenge")) else {
        return Err(OUT_OF_ORDER);
    };
    let request = Request {
        id: random_id(&*app.random),
        client_id: pre_grant.client_id.clone(),
        address: bound.address.clone(),
        resource: resource.id.clone(),
        scope: bound.scope.known.to_string(),
        unknown_scope: bound.scope.unknown.to_string(),
        code_challenge: code_challenge.to_owned(),
        nonce: parameters.get("nonce").map(str::to_owned),
        person: bound.person.clone(),
        created_at: now,
        signed_in: None,
    };
    if !request.fits_into_url(&app.sealing) {
        return Err(bound.refuse(Refusal::invalid_request("The request is too long.")));
    }
    Ok(request)
}

/// The machine's own refusals; ours came before, so these are what only it noticed. Its rendering has the wrong keys and no `iss`: only the
/// kind is used.
fn translate(error: Error, bound: Option<&Bound>, parameters: &Parameters) -> AuthorizationError {
    match (error, bound) {
        (Error::Redirect(mut url), Some(bound)) => bound.refuse(match url.description().kind() {
            AuthorizationErrorType::InvalidScope => Refusal::new(ErrorCode::InvalidScope, "The scope is malformed."),
            AuthorizationErrorType::UnsupportedResponseType => {
                Refusal::new(ErrorCode::UnsupportedResponseType, "Only response_type=code is supported.")
            }
            _ => Refusal::invalid_request("The request is malformed."),
        }),
        (Error::Ignore, _) if parameters.get("client_id").is_none() => PageRefusal::UnknownClient.into(),
        (Error::Ignore, _) => PageRefusal::RedirectUriUnregistered.into(),
        (Error::Redirect(_) | Error::PrimitiveError, _) => OUT_OF_ORDER,
    }
}
