//! The built-in tools, on rmcp: enough to see that everything in front of them works.

use super::event_store::{self, Event};
use crate::bearer::principal::Principal;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{
        router::tool::ToolRouter,
        wrapper::{Json, Parameters},
    },
    model::{CustomRequest, CustomResult, ErrorCode, Implementation, ServerCapabilities, ServerConfig},
    schemars,
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde::{Deserialize, Serialize};
use shared::{
    clock::SharedClock,
    db::{Store, StoreError},
    random::{SharedRandom, random_id},
};
use std::sync::Arc;

/// A user keeps at most this many events.
pub const EVENTS_MAX_PER_USER: i64 = 1000;
/// Characters of a title.
pub const TITLE_MAX_CHARS: usize = 200;
/// Characters of a start.
pub const STARTS_AT_MAX_CHARS: usize = 64;

/// Methods that rmcp knows: when their parameters do not fit it calls them custom, which would be "not found".
const KNOWN_METHODS: [&str; 10] = [
    "initialize",
    "server/discover",
    "tools/call",
    "completion/complete",
    "logging/setLevel",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
];

/// The tools. Cheap to clone: rmcp takes one for each request.
#[derive(Clone)]
pub struct BuiltinTools {
    store: Store,
    clock: SharedClock,
    random: SharedRandom,
    tool_router: ToolRouter<Self>,
}

/// What `whoami` answers.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct WhoAmI {
    /// The signed-in user, or the client itself for a machine.
    subject: String,
    /// The client that calls.
    client_id: String,
    /// The authorization server that vouches.
    issuer: String,
    /// What was granted.
    scopes: Vec<String>,
    /// The user's roles: those of the installation, and those in the organization.
    roles: Vec<String>,
    /// The organization that access was allowed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    /// What other systems know that organization by.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    /// When this access ends, unix seconds.
    expires_at: i64,
}

/// What `list_events` takes.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct ListEvents {
    /// At most this many, oldest first (1 to 1000; all without it).
    limit: Option<u16>,
}

/// What `list_events` answers.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Events {
    /// Oldest first.
    events: Vec<Event>,
}

/// What `create_event` takes.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct CreateEvent {
    /// What it is (1 to 200 characters).
    title: String,
    /// When it begins, in any form you like (at most 64 characters).
    starts_at: Option<String>,
}

/// What `create_event` answers.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Created {
    /// The event as it was kept.
    event: Event,
}

/// What `clear_events` answers.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Cleared {
    /// How many events were removed.
    removed: u64,
}

/// Why an event was not kept.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error("too many events")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[tool_router]
impl BuiltinTools {
    /// The tools over `store`.
    pub fn new(store: Store, clock: SharedClock, random: SharedRandom) -> Self {
        Self { store, clock, random, tool_router: Self::tool_router() }
    }

    /// Every tool, as rmcp describes it.
    pub fn describe(&self) -> Vec<rmcp::model::Tool> {
        self.tool_router.list_all()
    }

    /// Who you are to this server, and what you may do.
    #[tool(annotations(title = "Who am I", read_only_hint = true, open_world_hint = false))]
    async fn whoami(&self, context: RequestContext<RoleServer>) -> Result<Json<WhoAmI>, ErrorData> {
        let caller = caller(&context)?;
        Ok(Json(WhoAmI {
            subject: caller.subject.clone(),
            client_id: caller.client_id.clone(),
            issuer: caller.issuer.clone(),
            scopes: caller.scopes.iter().map(str::to_owned).collect(),
            roles: caller.roles.clone(),
            organization_id: caller.organization_id.clone(),
            tenant_id: caller.tenant_id.clone(),
            expires_at: caller.expires_at,
        }))
    }

    /// Your events, oldest first.
    #[tool(annotations(title = "List events", read_only_hint = true, open_world_hint = false))]
    async fn list_events(
        &self,
        Parameters(wanted): Parameters<ListEvents>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Events>, ErrorData> {
        let limit = wanted.limit.map_or(EVENTS_MAX_PER_USER, i64::from).clamp(1, EVENTS_MAX_PER_USER);
        let events = event_store::list(&mut self.store.read(), &*caller(&context)?, limit).await.map_err(broken)?;
        Ok(Json(Events { events }))
    }

    /// Note an event.
    #[tool(annotations(title = "Create an event", destructive_hint = false, open_world_hint = false))]
    async fn create_event(
        &self,
        Parameters(wanted): Parameters<CreateEvent>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Created>, ErrorData> {
        let caller = &*caller(&context)?;
        let event = &self.event_of(wanted)?;
        let kept = self
            .store
            .write(|mut tx| async move {
                if event_store::count(&mut tx, caller).await? >= EVENTS_MAX_PER_USER {
                    return Err(NotKept::TooMany);
                }
                Ok(event_store::insert(&mut tx, caller, event).await?)
            })
            .await;
        match kept {
            Ok(()) => Ok(Json(Created { event: event.clone() })),
            Err(NotKept::TooMany) => {
                Err(ErrorData::invalid_params(format!("You keep {EVENTS_MAX_PER_USER} events already"), None))
            }
            Err(NotKept::Store(cause)) => Err(broken(cause)),
        }
    }

    /// Remove all your events.
    #[tool(annotations(
        title = "Clear events",
        destructive_hint = true,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn clear_events(&self, context: RequestContext<RoleServer>) -> Result<Json<Cleared>, ErrorData> {
        let caller = &*caller(&context)?;
        let removed = self
            .store
            .write(|mut tx| async move { event_store::clear(&mut tx, caller).await })
            .await
            .map_err(broken)?;
        Ok(Json(Cleared { removed }))
    }

    fn event_of(&self, wanted: CreateEvent) -> Result<Event, ErrorData> {
        let title = wanted.title.trim().to_owned();
        if title.is_empty() || title.chars().count() > TITLE_MAX_CHARS {
            return Err(ErrorData::invalid_params(format!("title needs 1 to {TITLE_MAX_CHARS} characters"), None));
        }
        if wanted.starts_at.as_ref().is_some_and(|text| text.chars().count() > STARTS_AT_MAX_CHARS) {
            let message = format!("starts_at has more than {STARTS_AT_MAX_CHARS} characters");
            return Err(ErrorData::invalid_params(message, None));
        }
        // PostgreSQL keeps no NUL in text.
        if title.contains('\0') || wanted.starts_at.as_ref().is_some_and(|text| text.contains('\0')) {
            return Err(ErrorData::invalid_params("text must not hold the NUL character", None));
        }
        let (id, created_at) = (random_id(&*self.random), self.clock.now());
        Ok(Event { id, title, starts_at: wanted.starts_at, created_at })
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for BuiltinTools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("postern", env!("CARGO_PKG_VERSION")))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if KNOWN_METHODS.contains(&request.method.as_str()) {
            return Err(ErrorData::invalid_params("Invalid params", None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None))
    }
}

/// The principal that the pipeline put beside the request.
fn caller(context: &RequestContext<RoleServer>) -> Result<Arc<Principal>, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    let principal = parts.and_then(|parts| parts.extensions.get::<Arc<Principal>>());
    principal.cloned().ok_or_else(|| {
        tracing::error!("a built-in tool was called without a principal");
        ErrorData::internal_error("Internal error", None)
    })
}

fn broken(cause: StoreError) -> ErrorData {
    tracing::error!(%cause, "a built-in tool could not reach its database");
    ErrorData::internal_error("Internal error", None)
}
