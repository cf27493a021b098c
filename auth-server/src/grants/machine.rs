//! Our requests and rows in the words of oxide-auth's machines, which carry every grant.
//!
//! The machines are driven by us and answer to us alone; what they would do otherwise (`tests/in_process/attacks/`
//! has a test for each of fourteen traps) is settled here: credentials are ours and verified before, so the machine sees one client and no secret; the
//! client is always named, so the machine itself binds a refresh token of a public client; an omitted `redirect_uri`
//! (OAuth 2.1 §10.2) stands as one sentinel on both sides; time is ours, so `until` says *over* or *not over* and
//! nothing that the ambient clock could turn; an empty scope never gets in; no error text of theirs gets out.

use super::{GrantRefusal, TokenCall};
use crate::store::authorization_grant::AuthorizationGrant;
use chrono::{DateTime, Utc};
use oxide_auth::{
    code_grant::{
        accesstoken::{self as code_machine, Authorization},
        client_credentials as credentials_machine,
        extensions::Pkce,
        refresh as refresh_machine,
    },
    primitives::{
        grant::{Extensions, Grant},
        scope::Scope,
    },
};
use shared::protocol::{pkce::METHOD_S256, scope::ScopeSet};
use std::borrow::Cow;
use url::Url;

/// Stands for the redirect URI of a token request that sends none.
pub const REDIRECT_URI_OMITTED: &str = "urn:postern:redirect-uri:omitted";
/// Stands for whatever proved the client, which the machines need not know.
const PROVEN: &[u8] = b"proven";

/// A token request as the machines see it.
pub struct MachineRequest<'a> {
    /// The request.
    pub call: &'a TokenCall<'a>,
    /// The scope to speak of: cut down by us before. Never empty.
    pub scope: Option<Cow<'a, str>>,
}

impl<'a> MachineRequest<'a> {
    fn client_id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.call.client.client.id)
    }

    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.call.parameters.get(name).map(Cow::Borrowed)
    }

    /// `client_id` and `client_secret` are settled; the machines would see a second credential in them.
    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        if matches!(name, "client_id" | "client_secret") { None } else { self.parameter(name) }
    }
}

impl code_machine::Request for MachineRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        self.parameter("code")
    }
    fn authorization(&self) -> Authorization<'_> {
        if self.call.client.is_confidential() {
            Authorization::UsernamePassword(self.client_id(), Cow::Borrowed(PROVEN))
        } else {
            Authorization::Username(self.client_id())
        }
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(self.parameter("redirect_uri").unwrap_or(Cow::Borrowed(REDIRECT_URI_OMITTED)))
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.parameter("grant_type")
    }
    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        self.extension(name)
    }
}

impl refresh_machine::Request for MachineRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        self.parameter("refresh_token")
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.clone()
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.parameter("grant_type")
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id(), Cow::Borrowed(PROVEN)))
    }
    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        self.extension(name)
    }
}

impl credentials_machine::Request for MachineRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        self.call.client.is_confidential().then(|| (self.client_id(), Cow::Borrowed(PROVEN)))
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.clone()
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.parameter("grant_type")
    }
    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        self.extension(name)
    }
}

/// The machine's `until` for something that is over, or not: our clock decided, and theirs must not decide again.
pub fn until(is_over: bool) -> DateTime<Utc> {
    if is_over { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC }
}

/// Our scope as theirs.
///
/// # Errors
/// [`GrantRefusal::ScopeNotHeld`] for the empty one, which every grant of theirs would satisfy.
pub fn scope_in(scope: &ScopeSet) -> Result<Scope, GrantRefusal> {
    if scope.is_empty() {
        return Err(GrantRefusal::ScopeNotHeld { held: ScopeSet::default() });
    }
    scope.to_string().parse().map_err(|_| GrantRefusal::MachineFault("a scope of ours is none of theirs"))
}

/// Their scope as ours: sorted, for theirs prints in an order of the moment.
pub fn scope_out(scope: &Scope) -> ScopeSet {
    scope.iter().collect()
}

/// A stored grant as theirs. `redirect_uri` is what the request is compared with, `is_over` what our clock says.
///
/// # Errors
/// [`GrantRefusal::MachineFault`] when a stored value has no form of theirs.
pub fn grant_in(
    grant: &AuthorizationGrant,
    scope: &ScopeSet,
    redirect_uri: &str,
    is_over: bool,
) -> Result<Grant, GrantRefusal> {
    let pkce = Pkce::required();
    let challenge = pkce
        .challenge(Some(Cow::Borrowed(METHOD_S256)), Some(Cow::Borrowed(&grant.code_challenge)))
        .map_err(|()| GrantRefusal::MachineFault("a stored challenge is none of theirs"))?
        .ok_or(GrantRefusal::MachineFault("a stored challenge was lost"))?;
    let mut extensions = Extensions::new();
    extensions.set(&pkce, challenge);
    Ok(Grant {
        owner_id: grant.user_id.clone(),
        client_id: grant.client_id.clone(),
        scope: scope_in(scope)?,
        redirect_uri: redirect_uri
            .parse::<Url>()
            .map_err(|_| GrantRefusal::MachineFault("a stored redirect URI is no URL"))?,
        until: until(is_over),
        extensions,
    })
}
