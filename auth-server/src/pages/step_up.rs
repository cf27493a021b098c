//! Allow more? For a client that was allowed something before, and needs more for what the person wanted of it.

use super::{ScopeChoice, Site};
use askama::Template;

/// The page.
#[derive(Template)]
#[template(path = "step_up.html")]
pub struct StepUpPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// What the client calls itself.
    pub client_name: &'a str,
    /// Its id.
    pub client_id: &'a str,
    /// Whether nobody but itself vouches for its name.
    pub client_is_self_registered: bool,
    /// What the resource is called.
    pub resource_name: &'a str,
    /// Its URL.
    pub resource_id: &'a str,
    /// The name of the organization that access is for.
    pub organization: Option<&'a str>,
    /// What can be added.
    pub scopes: Vec<ScopeChoice<'a>>,
    /// What it was allowed already.
    pub held: Vec<&'a str>,
    /// The e-mail address of who is signed in.
    pub account: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
    /// The grant, by id.
    pub grant: &'a str,
    /// The scopes that were asked for, separated by spaces.
    pub asked: &'a str,
    /// The version of the resource whose tools are listed.
    pub policy_version: i64,
    /// Whether nothing was ticked the last time.
    pub nothing_was_chosen: bool,
}
