//! Allow access? Designed against phishing: where access goes stands above what it is, and names are never proof (MCP 2026-07-28, security considerations).

use super::Site;
use crate::consent::Destination;
use askama::Template;

/// The consent page.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// What the client calls itself.
    pub client_name: &'a str,
    /// Its id.
    pub client_id: &'a str,
    /// Whether nobody but itself vouches for its name.
    pub client_is_self_registered: bool,
    /// Whether nothing is asked but who the person is.
    pub asks_identity_only: bool,
    /// What the resource is called.
    pub resource_name: &'a str,
    /// Its URL.
    pub resource_id: &'a str,
    /// Where the answer goes.
    pub destination: &'a Destination,
    /// What can be allowed; empty when this account can allow nothing of what was asked.
    pub scopes: Vec<ScopeChoice<'a>>,
    /// Whether the person may choose not to be asked again.
    pub may_be_remembered: bool,
    /// The e-mail address of who is signed in.
    pub account: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
    /// The sealed request, bound to the session.
    pub request: &'a str,
    /// The sealed request for somebody else to sign in with.
    pub pending: &'a str,
    /// What was wrong with the last answer.
    pub problem: Option<&'a str>,
}

/// One permission.
pub struct ScopeChoice<'a> {
    /// The scope.
    pub name: &'a str,
    /// In human words; may be empty.
    pub description: &'a str,
    /// The tools it opens.
    pub tools: &'a [String],
    /// The scopes it includes.
    pub implies: &'a [String],
    /// Whether it is ticked.
    pub is_chosen: bool,
}

/// More tools than this are folded, so that the decision stays in sight.
const UNFOLDED_TOOLS: usize = 12;

impl ScopeChoice<'_> {
    fn has_many_tools(&self) -> bool {
        self.tools.len() > UNFOLDED_TOOLS
    }

    fn has_details(&self) -> bool {
        !self.tools.is_empty() || !self.implies.is_empty()
    }
}
