//! A scope of a resource, as the authorization server keeps it and shows it to people.

use serde::{Deserialize, Serialize};

/// One scope: its human words, what it includes, who may hold it, which tools stand behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDefinition {
    /// The scope token.
    pub name: String,
    /// What a person reads on the consent page.
    pub description: String,
    /// Scopes that a holder of this one has as well.
    pub implies: Vec<String>,
    /// Roles that may hold it; a person needs one of them.
    pub roles: Vec<String>,
    /// Tools that need it.
    pub tools: Vec<String>,
}
