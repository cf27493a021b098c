//! The page at the issuer itself.

use super::{Site, time::in_words};
use crate::{
    consent::allowed,
    store::{browser_session::SessionRecord, grant_overview::GrantOverview},
};
use askama::Template;
use shared::clock::UnixSeconds;

/// What this server is, and who is signed in.
#[derive(Template)]
#[template(path = "home.html")]
pub struct HomePage<'a> {
    /// The server.
    pub site: &'a Site,
    /// Who is signed in here.
    pub account: Option<SignedInAccount<'a>>,
    /// Whether an administrator was ever made.
    pub is_set_up: bool,
}

/// Who is signed in.
pub struct SignedInAccount<'a> {
    /// The display name.
    pub name: &'a str,
    /// The address.
    pub email: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
    /// Whether they administer the installation.
    pub is_administrator: bool,
    /// The MCP servers that clients can be given.
    pub tools: Vec<Tools>,
    /// What they allowed and still stands, by client.
    pub allowed: Vec<AllowedClient>,
    /// Where they are signed in, this browser first.
    pub sessions: Vec<OpenSession>,
}

/// An MCP server.
pub struct Tools {
    /// What it is called.
    pub name: String,
    /// Its URL, as clients take it.
    pub url: String,
}

/// What somebody allowed a client.
pub struct AllowedClient {
    /// Its id.
    pub id: String,
    /// How it calls itself.
    pub name: String,
    /// What it was allowed.
    pub accesses: Vec<AllowedAccess>,
}

/// The same, allowed once or more often.
pub struct AllowedAccess {
    /// What the resource is called.
    pub resource_name: String,
    /// The name of the organization that it is for.
    pub organization_name: Option<String>,
    /// What each scope allows.
    pub scopes: Vec<String>,
    /// Each time.
    pub connections: Vec<Connection>,
}

/// One time that something was allowed.
pub struct Connection {
    /// The grant.
    pub grant_id: String,
    /// Since when, in words.
    pub since: String,
    /// When it was last used, in words.
    pub last_used: Option<String>,
}

impl AllowedClient {
    /// Whether there is more than one thing to end.
    pub fn has_several(&self) -> bool {
        self.accesses.iter().map(|access| access.connections.len()).sum::<usize>() > 1
    }
}

impl From<allowed::AllowedClient> for AllowedClient {
    fn from(client: allowed::AllowedClient) -> Self {
        let allowed::AllowedClient { id, name, accesses } = client;
        Self { id, name, accesses: accesses.into_iter().map(AllowedAccess::from).collect() }
    }
}

impl From<allowed::AllowedAccess> for AllowedAccess {
    fn from(access: allowed::AllowedAccess) -> Self {
        let allowed::AllowedAccess { resource_name, scopes, grants } = access;
        let organization_name = grants.first().and_then(|grant| grant.organization_name.clone());
        Self {
            resource_name,
            organization_name,
            scopes,
            connections: grants.into_iter().map(Connection::from).collect(),
        }
    }
}

impl From<GrantOverview> for Connection {
    fn from(grant: GrantOverview) -> Self {
        let (since, last_used) = (in_words(grant.created_at), grant.last_used_at.map(in_words));
        Self { grant_id: grant.id, since, last_used }
    }
}

/// A browser in which somebody is signed in.
pub struct OpenSession {
    /// Its public id.
    pub id: String,
    /// Whether it is the one that looks.
    pub is_here: bool,
    /// When the password was given, in words.
    pub since: String,
    /// When it was last used for something, in words.
    pub last_used: String,
    last_seen_at: UnixSeconds,
}

impl OpenSession {
    /// `record`, seen from the session with the public id `here`.
    pub fn of(record: SessionRecord, here: &str) -> Self {
        let SessionRecord { id, authenticated_at, last_seen_at, .. } = record;
        let (since, last_used) = (in_words(authenticated_at), in_words(last_seen_at));
        Self { is_here: id == here, id, since, last_used, last_seen_at }
    }

    /// Where it stands in the list: this browser first, then the one that was used last.
    pub fn place(&self) -> (bool, std::cmp::Reverse<UnixSeconds>) {
        (!self.is_here, std::cmp::Reverse(self.last_seen_at))
    }
}
