//! What a request to sign out says (OpenID Connect RP-Initiated Logout §2), and what comes of it.

use super::{hint, post_logout_address::PostLogoutAddress};
use crate::{
    app::App,
    authorization::{AuthorizationError, PageRefusal},
    clients::Client,
    parameters::Parameters,
};
use std::sync::Arc;

/// A request that may be answered.
#[derive(Debug, Clone)]
pub struct EndSession {
    /// Who asks, if it said so and is known.
    pub client: Option<Arc<Client>>,
    /// Whom it wants to be signed out, by an ID token that it was given.
    pub user_id: Option<String>,
    /// Where the browser goes afterwards.
    pub address: Option<PostLogoutAddress>,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The session ends, and the browser goes on.
    SignOut,
    /// The person is asked: the client did not show that it means them.
    Ask,
    /// Nobody is signed in, and whoever the client means was here last: the browser goes on.
    GoOn,
    /// Nobody is signed in. Where the client wants the browser to be is said, and not gone to: any client can be registered, and a link
    /// through this server must not lead wherever its maker likes.
    SayDone,
}

impl EndSession {
    /// Reads a request.
    ///
    /// # Errors
    /// Always a page: `client_id` and hint contradict each other, the address is not exactly one that the client registered, or nobody knows.
    pub async fn read(app: &App, parameters: &Parameters) -> Result<Self, AuthorizationError> {
        let hint = parameters.get("id_token_hint").and_then(|token| hint::read(&app.keys, &app.issuer, token));
        let named = parameters.get("client_id");
        let client_id = match (&hint, named) {
            (Some(hint), Some(named)) if hint.client_id != named => return Err(PageRefusal::Parameters.into()),
            (Some(hint), _) => Some(hint.client_id.as_str()),
            (None, named) => named,
        };
        let client = match client_id {
            Some(id) => app.clients.find(id).await?,
            None => None,
        };
        let address = match (parameters.get("post_logout_redirect_uri"), &client) {
            (None, _) => None,
            (Some(_), None) => return Err(PageRefusal::RedirectUriUnregistered.into()),
            (Some(uri), Some(client)) => {
                let address = PostLogoutAddress::of_client(client, uri, parameters.get("state"));
                Some(address.ok_or(PageRefusal::RedirectUriUnregistered)?)
            }
        };
        Ok(Self { client, user_id: hint.map(|hint| hint.user_id), address })
    }

    /// What comes of it in a browser where `signed_in` is, or where `last` was before.
    pub fn next_step(&self, signed_in: Option<&str>, last: Option<&str>) -> NextStep {
        let means = |user: Option<&str>| user.is_some() && self.user_id.as_deref() == user;
        match signed_in {
            Some(_) if means(signed_in) => NextStep::SignOut,
            Some(_) => NextStep::Ask,
            None if means(last) => NextStep::GoOn,
            None => NextStep::SayDone,
        }
    }
}
