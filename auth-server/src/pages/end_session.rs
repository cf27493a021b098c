//! Sign out? Asked when the client that sent the browser here did not show whom it means.

use super::Site;
use crate::consent::Destination;
use askama::Template;

/// The question.
#[derive(Template)]
#[template(path = "end_session.html")]
pub struct EndSessionPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// What the client calls itself.
    pub client_name: Option<&'a str>,
    /// Where the browser goes afterwards.
    pub destination: Option<Destination>,
    /// The e-mail address of who is signed in.
    pub account: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
    /// The sealed question.
    pub asked: &'a str,
}
