//! Choose a password.

use super::{Problem, Site};
use askama::Template;

/// The page behind a password link.
#[derive(Template)]
#[template(path = "reset_password.html")]
pub struct ResetPasswordPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// The token of the link.
    pub link: &'a str,
    /// Whose password.
    pub email: &'a str,
    /// What is wrong with the password.
    pub password_problem: Option<String>,
    /// The same, for the summary.
    pub problems: Vec<Problem>,
}

impl<'a> ResetPasswordPage<'a> {
    /// The page, with what was wrong the last time.
    pub fn new(site: &'a Site, link: &'a str, email: &'a str, password_problem: Option<String>) -> Self {
        let problem = password_problem.clone().map(|text| Problem { field: "password", text });
        Self { site, link, email, password_problem, problems: problem.into_iter().collect() }
    }
}
