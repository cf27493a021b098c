//! Set up: the first administrator.

use super::{Problem, Site};
use askama::Template;

/// The set-up page.
#[derive(Template)]
#[template(path = "set_up.html")]
pub struct SetUpPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// The token of the link.
    pub link: &'a str,
    /// What was typed before.
    pub email: &'a str,
    /// What was typed before.
    pub display_name: &'a str,
    /// What is wrong with the address.
    pub email_problem: Option<String>,
    /// What is wrong with the name.
    pub name_problem: Option<String>,
    /// What is wrong with the password.
    pub password_problem: Option<String>,
    /// All of it, for the summary.
    pub problems: Vec<Problem>,
}

impl SetUpPage<'_> {
    /// Fills the summary from the fields.
    #[must_use]
    pub fn with_summary(mut self) -> Self {
        self.problems = [
            ("email", &self.email_problem),
            ("display_name", &self.name_problem),
            ("password", &self.password_problem),
        ]
        .into_iter()
        .filter_map(|(field, text)| text.clone().map(|text| Problem { field, text }))
        .collect();
        self
    }
}
