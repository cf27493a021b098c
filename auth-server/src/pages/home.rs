//! The page at the issuer itself.

use super::Site;
use askama::Template;

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
}
