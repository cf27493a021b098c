//! The registered resources, in memory, and which of them a request means (RFC 8707 §2). Follows the change log.

use super::Resource;
use crate::{
    change_log::{Follower, follower::CACHE_MAX_SILENCE},
    store,
};
use shared::{
    db::{Store, StoreError},
    protocol::{resource_indicator::ResourceIndicator, scope::ScopeSet},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

/// Why a request means no resource. Each is `invalid_target` but the last, which is the server's own trouble (503).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// None was named and there is no default.
    #[error("no resource was named")]
    Missing,
    /// Not an absolute URI without fragment.
    #[error("the resource is not a valid indicator")]
    Malformed,
    /// Nobody registered it.
    #[error("the resource is not registered")]
    Unknown,
    /// Two distinct ones were named.
    #[error("more than one resource was named")]
    Several,
    /// The database has been silent for too long to trust memory.
    #[error("the resource registry is out of date")]
    OutOfDate,
}

/// The resources of this installation.
pub struct ResourceRegistry {
    follower: Arc<Follower>,
    management: Arc<Resource>,
    identity: Arc<Resource>,
    default: RwLock<Option<String>>,
    known: RwLock<Arc<Known>>,
}

#[derive(Default)]
struct Known {
    by_canonical: BTreeMap<String, Arc<Resource>>,
    by_origin: BTreeMap<String, Vec<Arc<Resource>>>,
    /// Those of `by_canonical` as they are written: most who name one write it so, and then nothing has to be parsed.
    by_id: BTreeMap<String, Arc<Resource>>,
}

impl Known {
    fn of(resources: Vec<Resource>) -> Self {
        let mut known = Self::default();
        for resource in resources {
            let Ok(indicator) = ResourceIndicator::parse(&resource.id) else {
                tracing::error!(resource = resource.id, "a stored resource has an unusable identifier and is left out");
                continue;
            };
            let resource = Arc::new(resource);
            known.by_origin.entry(indicator.origin().to_owned()).or_default().push(Arc::clone(&resource));
            known.by_canonical.insert(indicator.canonical().to_owned(), resource);
        }
        known
    }
}

impl ResourceRegistry {
    /// An empty registry; [`ResourceRegistry::reload`] fills it. `default` is the resource of requests that name none.
    pub fn new(issuer: &str, default: Option<String>, follower: Arc<Follower>) -> Self {
        let management = Arc::new(Resource::management(issuer));
        let identity = Arc::new(Resource::identity(issuer));
        Self { follower, management, identity, default: RwLock::new(default), known: RwLock::default() }
    }

    /// Replaces memory by what the database holds.
    pub async fn reload(&self, store: &Store) -> Result<(), StoreError> {
        let known = self.index(store::resource::list(&mut store.read()).await?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        Ok(())
    }

    /// The resource that the `resource` parameters of a request mean (none, one, or the same one several times).
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn resolve(&self, asked: &[&str]) -> Result<Arc<Resource>, TargetError> {
        if self.follower.silence() > CACHE_MAX_SILENCE {
            return Err(TargetError::OutOfDate);
        }
        let known = self.snapshot();
        if let [written] = asked
            && let Some(resource) = known.by_id.get(*written)
        {
            return Ok(Arc::clone(resource));
        }
        let default = self.default();
        let mut texts = asked.iter().copied();
        let text = texts.next().or(default.as_deref()).ok_or(TargetError::Missing)?;
        let indicator = ResourceIndicator::parse(text).map_err(|_| TargetError::Malformed)?;
        for other in texts {
            if ResourceIndicator::parse(other).map_err(|_| TargetError::Malformed)? != indicator {
                return Err(TargetError::Several);
            }
        }
        if let Some(own) = self.own(indicator.canonical()) {
            return Ok(own);
        }
        if let Some(resource) = known.by_canonical.get(indicator.canonical()) {
            return Ok(Arc::clone(resource));
        }
        match known.by_origin.get(indicator.origin()).map(Vec::as_slice) {
            Some([only]) if indicator.is_bare_origin() => Ok(Arc::clone(only)),
            _ => Err(TargetError::Unknown),
        }
    }

    /// The resource whose tokens carry exactly this `aud`; this server's own included.
    pub fn find(&self, id: &str) -> Option<Arc<Resource>> {
        self.own(id).or_else(|| self.snapshot().by_id.get(id).cloned())
    }

    /// Every registered resource, in the order of their identifiers; management is not among them.
    pub fn list(&self) -> Vec<Arc<Resource>> {
        self.snapshot().by_canonical.values().cloned().collect()
    }

    /// This server's own management interface.
    pub fn management(&self) -> Arc<Resource> {
        Arc::clone(&self.management)
    }

    /// Who somebody is: the resource of requests that want nothing else.
    pub fn identity(&self) -> Arc<Resource> {
        Arc::clone(&self.identity)
    }

    fn index(&self, resources: Vec<Resource>) -> Known {
        let mut known = Known::of(resources);
        let others = known.by_canonical.iter().filter(|(canonical, _)| self.own(canonical).is_none());
        known.by_id = others.map(|(_, resource)| (resource.id.clone(), Arc::clone(resource))).collect();
        known
    }

    fn own(&self, id: &str) -> Option<Arc<Resource>> {
        [&self.management, &self.identity].into_iter().find(|own| own.id == id).cloned()
    }

    /// Every scope of every registered resource.
    pub fn all_scopes(&self) -> ScopeSet {
        self.snapshot()
            .by_canonical
            .values()
            .flat_map(|resource| resource.scopes.iter())
            .map(|scope| scope.name.as_str())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// The resource of requests that name none.
    pub fn default(&self) -> Option<String> {
        self.default.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, where somebody registered it.
    pub fn registered_default(&self) -> Option<Arc<Resource>> {
        let indicator = ResourceIndicator::parse(&self.default()?).ok()?;
        self.snapshot().by_canonical.get(indicator.canonical()).cloned()
    }

    fn snapshot(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn with(resources: Vec<Resource>, default: Option<&str>) -> Self {
        let registry = Self::new(
            "http://localhost:9400",
            default.map(str::to_owned),
            Arc::new(Follower::from(crate::change_log::Position::at_bare("", 0))),
        );
        *registry.known.write().expect("not poisoned") = Arc::new(registry.index(resources));
        registry
    }
}

#[cfg(test)]
mod tests {
    use super::{ResourceRegistry, TargetError};
    use crate::resources::{Resource, resource::tests::resource};

    fn at(id: &str) -> Resource {
        Resource { id: id.to_owned(), ..resource() }
    }

    #[test]
    fn equal_but_for_case_port_and_one_slash() {
        let registry =
            ResourceRegistry::with(vec![at("https://mcp.example/mcp"), at("https://mcp.example/other/")], None);
        for asked in ["https://mcp.example/mcp", "https://mcp.example/mcp/", "HTTPS://MCP.example:443/mcp"] {
            assert_eq!(registry.resolve(&[asked]).expect(asked).id, "https://mcp.example/mcp");
        }
        assert_eq!(registry.resolve(&["https://mcp.example/other"]).expect("slash").id, "https://mcp.example/other/");
        for asked in
            ["https://mcp.example/MCP", "https://mcp.example", "https://mcp.example/", "https://other.example/mcp"]
        {
            assert_eq!(registry.resolve(&[asked]), Err(TargetError::Unknown), "{asked}");
        }
    }

    #[test]
    fn a_bare_origin_means_its_only_resource() {
        let registry = ResourceRegistry::with(vec![at("https://mcp.example/mcp")], None);
        assert_eq!(registry.resolve(&["https://mcp.example/"]).expect("only").id, "https://mcp.example/mcp");
        let root = ResourceRegistry::with(vec![at("https://mcp.example"), at("https://mcp.example/mcp")], None);
        assert_eq!(root.resolve(&["https://mcp.example/"]).expect("itself").id, "https://mcp.example");
    }

    #[test]
    fn one_written_as_it_is_registered_means_what_parsing_it_says() {
        let own = "http://localhost:9400/api/";
        let registry =
            ResourceRegistry::with(vec![at("https://mcp.example"), at("https://mcp.example//"), at(own)], None);
        for (asked, meant) in [
            ("https://mcp.example", "https://mcp.example"),
            ("https://mcp.example/", "https://mcp.example"),
            ("https://mcp.example//", "https://mcp.example//"),
            (own, "http://localhost:9400/api"),
        ] {
            assert_eq!(registry.resolve(&[asked]).expect(asked).id, meant);
            assert_eq!(registry.resolve(&[asked, asked]).expect(asked).id, meant);
        }
    }

    #[test]
    fn none_and_several() {
        let resources = || vec![at("https://a.example/mcp"), at("https://b.example/mcp")];
        let without = ResourceRegistry::with(resources(), None);
        assert_eq!(without.resolve(&[]), Err(TargetError::Missing));
        assert_eq!(without.resolve(&["https://a.example/mcp", "https://b.example/mcp"]), Err(TargetError::Several));
        assert_eq!(without.resolve(&["https://a.example/mcp", "nonsense"]), Err(TargetError::Malformed));
        assert!(without.resolve(&["https://a.example/mcp", "https://a.example/mcp/"]).is_ok());
        assert_eq!(without.resolve(&[""]), Err(TargetError::Malformed));
        let with = ResourceRegistry::with(resources(), Some("https://b.example/mcp"));
        assert_eq!(with.resolve(&[]).expect("default").id, "https://b.example/mcp");
    }

    #[test]
    fn management_is_known_but_not_listed() {
        let registry = ResourceRegistry::with(vec![], None);
        assert!(registry.resolve(&["http://localhost:9400/api"]).expect("own").is_management());
        assert!(registry.list().is_empty());
        assert!(registry.find("http://localhost:9400/api").is_some());
    }
}
