//! What a person allowed clients and still stands, in words.

use crate::{
    app::App,
    identity::scopes::IDENTITY_SCOPES,
    resources::Resource,
    store::grant_overview::{self, After, GrantFilter, GrantOverview},
};
use shared::{clock::UnixSeconds, db::StoreError};

/// More than this are not shown at once.
const SHOWN_MAX: i64 = 100;

/// One client's access to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The grant.
    pub grant: GrantOverview,
    /// What the resource is called; its identifier if it is not registered any more.
    pub resource_name: String,
    /// What each scope allows.
    pub scopes: Vec<String>,
}

/// What the user allowed, the newest first.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn list_allowed(app: &App, user_id: &str, now: UnixSeconds) -> Result<Vec<Allowed>, StoreError> {
    let filter = GrantFilter { user_id, ..GrantFilter::default() };
    let grants = grant_overview::list(&mut app.store.read(), filter, After::NOTHING, SHOWN_MAX, now).await?;
    let allowed = |grant: GrantOverview| {
        let resource = app.resources.find(&grant.resource);
        let resource = resource.as_deref();
        let name = resource.map(|resource| resource.name.trim()).filter(|name| !name.is_empty());
        Allowed {
            resource_name: name.unwrap_or(&grant.resource).to_owned(),
            scopes: grant.scope.split_whitespace().map(|scope| in_words(scope, resource)).collect(),
            grant,
        }
    };
    Ok(grants.into_iter().map(allowed).collect())
}

/// As the consent page said it.
fn in_words(scope: &str, resource: Option<&Resource>) -> String {
    let of_resource = resource.and_then(|resource| resource.scopes.iter().find(|known| known.name == scope));
    let of_identity = IDENTITY_SCOPES.iter().find(|known| known.name == scope);
    let words = of_resource.map(|known| known.description.as_str()).or(of_identity.map(|known| known.description));
    words.filter(|words| !words.is_empty()).map_or_else(|| format!("Use {scope}"), str::to_owned)
}
