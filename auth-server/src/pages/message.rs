//! A page that only says something: what went wrong and what to do next, or that something is done.

use super::Site;
use askama::Template;

/// A page without a form.
#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage<'a> {
    /// The server.
    pub site: &'a Site,
    /// In a few words.
    pub title: &'a str,
    /// What is the matter.
    pub what: &'a str,
    /// What to do next; may be empty.
    pub next: &'a str,
    /// Where to go next.
    pub link: Option<Link>,
    /// What the logs know the request by.
    pub correlation_id: Option<&'a str>,
}

/// A way on.
pub struct Link {
    /// Its path.
    pub href: String,
    /// Its words.
    pub text: &'static str,
}
