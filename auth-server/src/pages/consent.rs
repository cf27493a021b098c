//! Allow access? Designed against phishing: where access goes stands above what it is, and names are never proof (MCP 2026-07-28, security considerations).

use super::Site;
use crate::{consent::Destination, organizations::OrganizationRole};
use askama::Template;

/// The consent page.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// The server.
    pub site: &'a Site,
    /// What the client calls itself.
    pub client_name: &'a str,
    /// Its id.
    pub client_id: &'a str,
    /// Whether nobody but itself vouches for its name.
    pub client_is_self_registered: bool,
    /// Whether nothing is asked but who the person is.
    pub asks_identity_only: bool,
    /// What the resource is called.
    pub resource_name: &'a str,
    /// Its URL.
    pub resource_id: &'a str,
    /// Where the answer goes.
    pub destination: &'a Destination,
    /// What can be allowed; empty when this account can allow nothing of what was asked.
    pub scopes: Vec<ScopeChoice<'a>>,
    /// What was asked besides, and nobody here knows.
    pub unknown_scopes: Vec<&'a str>,
    /// Whether the person may choose not to be asked again.
    pub may_be_remembered: bool,
    /// The e-mail address of who is signed in.
    pub account: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
    /// The sealed request, bound to the session.
    pub request: &'a str,
    /// The sealed request for somebody else to sign in with.
    pub pending: &'a str,
    /// The organizations that it could be for: a choice, if there are several.
    pub organizations: Vec<OrganizationChoice<'a>>,
    /// What was wrong with the last answer.
    pub problem: Option<ConsentProblem>,
}

/// An organization that access could be for.
pub struct OrganizationChoice<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name, for people.
    pub name: &'a str,
    /// Its name in paths and commands: names need not differ.
    pub slug: &'a str,
    /// What the person is in it.
    pub role: OrganizationRole,
    /// Whether it is the chosen one.
    pub is_chosen: bool,
}

impl OrganizationChoice<'_> {
    fn role_in_words(&self) -> &'static str {
        match self.role {
            OrganizationRole::Member => "you are a member",
            OrganizationRole::Admin => "you are an admin",
            OrganizationRole::Owner => "you are an owner",
        }
    }
}

/// Why an answer was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentProblem {
    /// No organization was chosen, or none of those shown.
    Organization,
    /// Nothing was ticked.
    Nothing,
    /// Nothing of what was ticked can be allowed for the organization.
    NothingForOrganization,
}

impl ConsentProblem {
    fn words(self) -> &'static str {
        match self {
            Self::Organization => "Choose the organization that this is for, or deny.",
            Self::Nothing => "Choose at least one permission, or deny.",
            Self::NothingForOrganization => {
                "Your role in that organization allows none of what you ticked. Choose another one, tick something else, or deny."
            }
        }
    }

    fn is_about_the_organization(self) -> bool {
        matches!(self, Self::Organization | Self::NothingForOrganization)
    }
}

impl ConsentPage<'_> {
    fn problem_is_about_the_organization(&self) -> bool {
        self.problem.is_some_and(ConsentProblem::is_about_the_organization)
    }

    fn problem_is_about_the_scopes(&self) -> bool {
        self.problem.is_some_and(|problem| problem != ConsentProblem::Organization)
    }
}

/// One permission.
pub struct ScopeChoice<'a> {
    /// The scope.
    pub name: &'a str,
    /// In human words; may be empty.
    pub description: &'a str,
    /// The tools it opens.
    pub tools: &'a [String],
    /// The scopes it includes.
    pub implies: &'a [String],
    /// The names of the only organizations for which it can be allowed; empty when it is all of them.
    pub only_for: Vec<&'a str>,
    /// Whether it is ticked.
    pub is_chosen: bool,
}

/// More tools than this are folded, so that the decision stays in sight.
const UNFOLDED_TOOLS: usize = 12;

impl ScopeChoice<'_> {
    pub(super) fn has_many_tools(&self) -> bool {
        self.tools.len() > UNFOLDED_TOOLS
    }

    pub(super) fn has_details(&self) -> bool {
        !self.tools.is_empty() || !self.implies.is_empty() || !self.only_for.is_empty()
    }
}
