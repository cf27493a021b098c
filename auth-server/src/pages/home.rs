//! The page at the issuer itself.

use super::{Site, time::in_words};
use crate::{consent::allowed::Allowed, store::browser_session::SessionRecord};
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
    /// What they allowed and still stands.
    pub allowed: Vec<AllowedAccess>,
    /// Where they are signed in, this browser first.
    pub sessions: Vec<OpenSession>,
}

/// What somebody allowed a client.
pub struct AllowedAccess {
    /// What.
    pub allowed: Allowed,
    /// Since when, in words.
    pub since: String,
    /// When it was last used, in words.
    pub last_used: Option<String>,
}

impl From<Allowed> for AllowedAccess {
    fn from(allowed: Allowed) -> Self {
        let (since, last_used) = (in_words(allowed.grant.created_at), allowed.grant.last_used_at.map(in_words));
        Self { allowed, since, last_used }
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
