//! Sign in.

use super::Site;
use askama::Template;

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// Who sent the person here.
    pub client_name: Option<&'a str>,
    /// The sealed state of the form.
    pub form: &'a str,
    /// What was typed before.
    pub email: &'a str,
    /// Why it has to be typed again.
    pub problem: Option<&'a str>,
}
