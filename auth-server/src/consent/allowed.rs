//! What a person allowed clients and still stands, in words, by client.

use crate::{
    app::App,
    identity::scopes::IDENTITY_SCOPES,
    resources::Resource,
    store::grant_overview::{self, After, GrantFilter, GrantOverview},
};
use shared::{clock::UnixSeconds, db::StoreError};

/// More than this are not shown at once.
const SHOWN_MAX: i64 = 100;

/// Everything that one client was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedClient {
    /// Which client.
    pub id: String,
    /// How it calls itself.
    pub name: String,
    /// What it was allowed, whatever was allowed last first.
    pub accesses: Vec<AllowedAccess>,
}

/// The same scopes of one resource for one organization, allowed once or more often: each time was another connection of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedAccess {
    /// What the resource is called; its identifier if it is not registered any more.
    pub resource_name: String,
    /// What each scope allows.
    pub scopes: Vec<String>,
    /// The grants, the newest first; at least one.
    pub grants: Vec<GrantOverview>,
}

/// What the user allowed, by client, the client that was allowed something last first.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn list_allowed(app: &App, user_id: &str, now: UnixSeconds) -> Result<Vec<AllowedClient>, StoreError> {
    let filter = GrantFilter { user_id, ..GrantFilter::default() };
    let grants = grant_overview::list(&mut app.store.read(), filter, After::NOTHING, SHOWN_MAX, now).await?;
    let mut clients: Vec<AllowedClient> = Vec::new();
    for grant in grants {
        match clients.iter_mut().find(|client| client.id == grant.client_id) {
            Some(client) => client.add(app, grant),
            None => {
                let (id, name) = (grant.client_id.clone(), grant.client_name.clone());
                clients.push(AllowedClient { id, name, accesses: vec![access(app, grant)] });
            }
        }
    }
    Ok(clients)
}

impl AllowedClient {
    fn add(&mut self, app: &App, grant: GrantOverview) {
        match self.accesses.iter_mut().find(|access| access.is_of(&grant)) {
            Some(access) => access.grants.push(grant),
            None => self.accesses.push(access(app, grant)),
        }
    }
}

impl AllowedAccess {
    fn is_of(&self, grant: &GrantOverview) -> bool {
        self.grants.first().is_some_and(|first| {
            (&first.resource, &first.organization_id, &first.scope)
                == (&grant.resource, &grant.organization_id, &grant.scope)
        })
    }
}

fn access(app: &App, grant: GrantOverview) -> AllowedAccess {
    let resource = app.resources.find(&grant.resource);
    let resource = resource.as_deref();
    let name = resource.map(|resource| resource.name.trim()).filter(|name| !name.is_empty());
    AllowedAccess {
        resource_name: name.unwrap_or(&grant.resource).to_owned(),
        scopes: grant.scope.split_whitespace().map(|scope| in_words(scope, resource)).collect(),
        grants: vec![grant],
    }
}

/// As the consent page said it.
fn in_words(scope: &str, resource: Option<&Resource>) -> String {
    let of_resource = resource.and_then(|resource| resource.scopes.iter().find(|known| known.name == scope));
    let of_identity = IDENTITY_SCOPES.iter().find(|known| known.name == scope);
    let words = of_resource.map(|known| known.description.as_str()).or(of_identity.map(|known| known.description));
    words.filter(|words| !words.is_empty()).map_or_else(|| format!("Use {scope}"), str::to_owned)
}
