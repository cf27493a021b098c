//! A resource server registers what it protects: only under its own origins, never with reserved or management scopes.

use super::{
    Resource,
    remove_resource::remove,
    resource::{MANAGEMENT_SCOPE_PREFIX, RESERVED_SCOPES},
};
use crate::{
    audit::{self, AuditEvent, AuditKind},
    change_log::{self, Change},
    organizations::OrganizationRole,
    store,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    protocol::{
        access_token_claims::ACCESS_TOKEN_TTL_SECONDS,
        resource_document::{ADMINISTRATOR_ROLE, MEMBER_ROLE, ResourceDocument, ResourceScope},
        resource_indicator::ResourceIndicator,
        scope::ScopeSet,
    },
    random::Random,
};
use std::collections::BTreeSet;

/// How many scopes a resource may have.
pub const RESOURCE_MAX_SCOPES: usize = 100;
/// How many tools may stand behind one scope.
pub const SCOPE_MAX_TOOLS: usize = 5000;
/// How long a name of a resource, scope or tool may be.
pub const NAME_MAX_CHARACTERS: usize = 200;
/// How long the words that describe a scope may be.
pub const DESCRIPTION_MAX_CHARACTERS: usize = 1000;

/// Why a resource was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterRefusal {
    /// The document is unusable; the text says what.
    #[error("{0}")]
    Unusable(&'static str),
    /// A scope that has a meaning of its own, or is this server's.
    #[error("a scope is reserved")]
    ReservedScope,
    /// The caller is no enrolled resource server.
    #[error("the client is not enrolled as a resource server")]
    NotEnrolled,
    /// The identifier lies outside of the origins it was enrolled for.
    #[error("the resource is not under an origin of this resource server")]
    ForeignOrigin,
    /// Another resource server registered it, in this or an equal spelling.
    #[error("the resource is registered by another resource server")]
    OwnedByAnother,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers or replaces what `client_id` protects and returns it as it counts. Writing the same again changes nothing; other
/// tools, roles or hierarchy make a new policy version.
///
/// # Errors
/// See [`RegisterRefusal`].
pub async fn register_resource(
    store: &Store,
    random: &dyn Random,
    client_id: &str,
    document: &ResourceDocument,
    now: UnixSeconds,
) -> Result<Resource, RegisterRefusal> {
    let indicator = check(document)?;
    let event = &AuditEvent::new(AuditKind::ResourceChanged, random, now)
        .client(client_id)
        .by_client(client_id)
        .target(&document.resource);
    store
        .write(|mut tx| {
            let indicator = &indicator;
            async move { write(&mut tx, client_id, document, indicator, event, now).await }
        })
        .await
}

async fn write(
    tx: &mut Tx,
    client_id: &str,
    document: &ResourceDocument,
    indicator: &ResourceIndicator,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<Resource, RegisterRefusal> {
    let origins = store::resource_server::find_origins(tx, client_id).await?.ok_or(RegisterRefusal::NotEnrolled)?;
    if !origins.iter().any(|origin| origin == indicator.origin()) {
        return Err(RegisterRefusal::ForeignOrigin);
    }
    // Requests name a resource by any equal spelling, so whoever owns one spelling owns them all.
    let existing = store::resource::find_registered(tx, indicator.canonical()).await?;
    if existing.as_ref().is_some_and(|existing| existing.owner_client_id != client_id) {
        return Err(RegisterRefusal::OwnedByAnother);
    }
    if let Some(respelt) = existing.as_ref().filter(|existing| existing.id != document.resource) {
        remove(tx, &respelt.id, now).await?;
    }
    let last_version = store::resource::last_policy_version(tx, &document.resource).await?;
    let existing = existing.filter(|existing| existing.id == document.resource);
    let policy_version = match (&existing, last_version) {
        (Some(existing), Some(version)) if same_policy(&existing.scopes, &document.scopes) => version,
        (_, Some(version)) => version + 1,
        (_, None) => 1,
    };
    let resource = Resource {
        id: document.resource.clone(),
        name: document.name.clone(),
        owner_client_id: client_id.to_owned(),
        scopes: document.scopes.clone(),
        access_token_ttl_seconds: document.access_token_ttl_seconds,
        algorithm: document.algorithm.unwrap_or_default(),
        policy_version,
    };
    if existing.as_ref() != Some(&resource) {
        store::resource::put(tx, &resource, indicator.canonical(), now).await?;
        change_log::append(tx, Change::ResourceChanged(&resource.id), now).await?;
        audit::record(tx, event).await?;
    }
    // What an administrator set counts, whatever was registered.
    Ok(store::resource::find(tx, indicator.canonical()).await?.unwrap_or(resource))
}

/// Whether nothing changed but words for people.
fn same_policy(one: &[ResourceScope], other: &[ResourceScope]) -> bool {
    let policy = |scopes: &[ResourceScope]| -> Vec<ResourceScope> {
        scopes.iter().map(|scope| ResourceScope { description: String::new(), ..scope.clone() }).collect()
    };
    policy(one) == policy(other)
}

/// What is wrong with a document by itself, or the identifier that it registers.
///
/// # Errors
/// [`RegisterRefusal::Unusable`] and [`RegisterRefusal::ReservedScope`].
pub fn check(document: &ResourceDocument) -> Result<ResourceIndicator, RegisterRefusal> {
    let unusable = |what| Err(RegisterRefusal::Unusable(what));
    let Ok(indicator) = ResourceIndicator::parse(&document.resource) else {
        return unusable("resource must be an absolute https URI (http on loopback) without fragment");
    };
    if indicator.as_str() != document.resource {
        return unusable("resource must be written with scheme and host in lower case and without a default port");
    }
    if !is_line(&document.name, NAME_MAX_CHARACTERS) {
        return unusable("name must be one line of at most 200 characters");
    }
    if document.scopes.is_empty() || document.scopes.len() > RESOURCE_MAX_SCOPES {
        return unusable("scopes must be a list of 1 to 100 scopes");
    }
    if document.access_token_ttl_seconds.is_some_and(|ttl| !ACCESS_TOKEN_TTL_SECONDS.contains(&ttl)) {
        return unusable("access_token_ttl_seconds must be from 60 to 86400");
    }
    let names: BTreeSet<&str> = document.scopes.iter().map(|scope| scope.name.as_str()).collect();
    if names.len() != document.scopes.len() {
        return unusable("scopes must have distinct names");
    }
    document.scopes.iter().try_for_each(|scope| check_scope(scope, &names))?;
    Ok(indicator)
}

fn check_scope(scope: &ResourceScope, names: &BTreeSet<&str>) -> Result<(), RegisterRefusal> {
    let unusable = |what| Err(RegisterRefusal::Unusable(what));
    if scope.name.len() > NAME_MAX_CHARACTERS
        || !scope.name.parse::<ScopeSet>().is_ok_and(|set| set.contains(&scope.name))
    {
        return unusable("a scope's name must be a scope token of RFC 6749 section 3.3");
    }
    if RESERVED_SCOPES.contains(&scope.name.as_str()) || scope.name.starts_with(MANAGEMENT_SCOPE_PREFIX) {
        return Err(RegisterRefusal::ReservedScope);
    }
    if !scope.description.is_empty() && !is_line(&scope.description, DESCRIPTION_MAX_CHARACTERS) {
        return unusable("a scope's description must be one line of at most 1000 characters");
    }
    if !scope.implies.iter().all(|implied| names.contains(implied.as_str())) {
        return unusable("a scope may imply only scopes of the same resource");
    }
    if !scope.roles.iter().all(|role| is_role(role)) {
        return unusable("a scope's roles may be member, administrator, and an organization's admin and owner");
    }
    if scope.tools.len() > SCOPE_MAX_TOOLS || !scope.tools.iter().all(|tool| is_line(tool, NAME_MAX_CHARACTERS)) {
        return unusable("a scope's tools must be at most 5000 names of at most 200 characters");
    }
    Ok(())
}

fn is_role(word: &str) -> bool {
    word == MEMBER_ROLE || word == ADMINISTRATOR_ROLE || OrganizationRole::parse(word).is_some()
}

fn is_line(text: &str, max_characters: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max_characters && !text.chars().any(char::is_control)
}

impl From<Resource> for ResourceDocument {
    fn from(resource: Resource) -> Self {
        Self {
            resource: resource.id,
            name: resource.name,
            scopes: resource.scopes,
            access_token_ttl_seconds: resource.access_token_ttl_seconds,
            algorithm: Some(resource.algorithm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCESS_TOKEN_TTL_SECONDS, RegisterRefusal, ResourceDocument, check, same_policy};
    use crate::resources::resource::tests::{resource, scope};

    fn document() -> ResourceDocument {
        resource().into()
    }

    fn refusal(alter: impl Fn(&mut ResourceDocument)) -> String {
        let mut document = document();
        alter(&mut document);
        match check(&document) {
            Err(RegisterRefusal::Unusable(what)) => what.to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_document_passes_and_bad_ones_say_why() {
        assert_eq!(check(&document()).expect("good").origin(), "http://localhost:9500");
        assert!(refusal(|d| d.resource = "HTTP://localhost:9500/mcp".to_owned()).contains("lower case"));
        assert!(refusal(|d| d.resource = "http://example.com/mcp".to_owned()).contains("https"));
        assert!(refusal(|d| d.scopes.clear()).contains("1 to 100"));
        assert!(refusal(|d| d.scopes.push(scope("mcp.read", &[], &[]))).contains("distinct"));
        for reserved in ["offline_access", "openid", "postern.anything"] {
            let mut document = document();
            document.scopes.push(scope(reserved, &[], &[]));
            assert!(matches!(check(&document), Err(RegisterRefusal::ReservedScope)), "{reserved}");
        }
        assert!(refusal(|d| d.scopes.push(scope("a b", &[], &[]))).contains("scope token"));
        assert!(refusal(|d| d.scopes.push(scope("x", &["y"], &[]))).contains("same resource"));
        assert!(refusal(|d| d.scopes.push(scope("x", &[], &["root"]))).contains("roles"));
        let bounds = format!("from {} to {}", ACCESS_TOKEN_TTL_SECONDS.start(), ACCESS_TOKEN_TTL_SECONDS.end());
        assert!(refusal(|d| d.access_token_ttl_seconds = Some(1)).contains(&bounds));
        assert!(refusal(|d| d.name = "two\nlines".to_owned()).contains("one line"));
    }

    #[test]
    fn words_are_no_policy_but_tools_are() {
        let scopes = resource().scopes;
        let mut altered = scopes.clone();
        altered[0].description = "Other words".to_owned();
        assert!(same_policy(&scopes, &altered));
        altered[0].tools.push("whoami".to_owned());
        assert!(!same_policy(&scopes, &altered));
    }
}
