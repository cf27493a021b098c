//! Choose another password.

use super::{Problem, Site};
use askama::Template;

/// The page for whoever is signed in.
#[derive(Template)]
#[template(path = "change_password.html")]
pub struct ChangePasswordPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// Whose password.
    pub email: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
    /// What is wrong with the current password.
    pub current_problem: Option<String>,
    /// What is wrong with the new one.
    pub password_problem: Option<String>,
    /// Both, for the summary.
    pub problems: Vec<Problem>,
}

impl<'a> ChangePasswordPage<'a> {
    /// The page, with what was wrong the last time.
    pub fn new(
        site: &'a Site,
        email: &'a str,
        csrf: &'a str,
        current_problem: Option<String>,
        password_problem: Option<String>,
    ) -> Self {
        let problems = [("current_password", &current_problem), ("password", &password_problem)];
        let problems =
            problems.into_iter().filter_map(|(field, text)| text.clone().map(|text| Problem { field, text }));
        Self { site, email, csrf, problems: problems.collect(), current_problem, password_problem }
    }
}
