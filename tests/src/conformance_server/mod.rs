//! The server that the official conformance suite talks to, behind our resource server: the tools, resources and prompts that the suite asks
//! for by name, written on rmcp. Nothing of it is in the product.

mod input_required;
mod reading;
mod running;
mod surface;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, GetPromptRequestParams,
        GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext, SubscriptionSink},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

pub use surface::{ENDLESS, tools};

/// The server. Clones share who listens.
#[derive(Clone, Default)]
pub struct ConformanceServer {
    listening: Arc<Listening>,
    running: Arc<AtomicU64>,
    most_running: Arc<AtomicU64>,
    /// Whoever listens is told that it is over.
    pub stop: CancellationToken,
}

/// A call that runs; counted until it ends, however it does.
struct Running(Arc<AtomicU64>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Who listens for changes.
#[derive(Default)]
struct Listening {
    next: AtomicU64,
    sinks: Mutex<HashMap<u64, SubscriptionSink>>,
}

/// Ends somebody's listening when the stream does.
struct Listener<'l> {
    listening: &'l Listening,
    number: u64,
}

impl Listening {
    fn begin(&self, sink: SubscriptionSink) -> Listener<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sink);
        Listener { listening: self, number }
    }

    fn all(&self) -> Vec<SubscriptionSink> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.listening.sinks.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

impl ConformanceServer {
    fn run(&self) -> Running {
        let before = self.running.fetch_add(1, Ordering::SeqCst);
        self.most_running.fetch_max(before + 1, Ordering::SeqCst);
        Running(self.running.clone())
    }

    /// How many calls of [`ENDLESS`] run.
    pub fn running(&self) -> u64 {
        self.running.load(Ordering::SeqCst)
    }

    /// How many of them ran at once at most.
    pub fn most_running(&self) -> u64 {
        self.most_running.load(Ordering::SeqCst)
    }

    /// How many streams listen for changes.
    pub fn listeners(&self) -> usize {
        self.listening.all().len()
    }
}

/// The typed form of what the suite wants word for word.
fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("what the suite wants is a message of MCP")
}

/// The same for a result that needs nothing more from the client.
fn complete<T: DeserializeOwned>(mut result: Value) -> T {
    result["resultType"] = "complete".into();
    typed(result)
}

#[expect(deprecated, reason = "the suite sets the log level of the revisions that have one")]
type Level = rmcp::model::SetLevelRequestParams;
type Context = RequestContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

impl ServerHandler for ConformanceServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = json!({
            "tools": {"listChanged": true}, "prompts": {"listChanged": true}, "logging": {}, "completions": {},
            "resources": {"subscribe": true, "listChanged": true},
        });
        ServerConfig::new(typed(capabilities)).with_server_info(Implementation::new("conformance", "1"))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Answer<CallToolResponse> {
        match input_required::of_tool(&request, &context) {
            Some(answer) => answer,
            None => running::call(self, &request, &context).await,
        }
    }

    async fn list_resources(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListResourcesResult> {
        Ok(complete(reading::resources()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Answer<ListResourceTemplatesResult> {
        Ok(complete(reading::templates()))
    }

    async fn read_resource(&self, request: ReadResourceRequestParams, _: Context) -> Answer<ReadResourceResponse> {
        reading::read(&request.uri).map(|read| ReadResourceResponse::Complete(complete(read)))
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListPromptsResult> {
        Ok(complete(reading::prompts()))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Context) -> Answer<GetPromptResponse> {
        match input_required::of_prompt(&request) {
            Some(answer) => Ok(answer),
            None => reading::prompt(&request).map(|prompt| GetPromptResponse::Complete(complete(prompt))),
        }
    }

    async fn complete(&self, request: CompleteRequestParams, _: Context) -> Answer<CompleteResult> {
        let known = ["paris", "park", "party"].into_iter().filter(|word| word.starts_with(&request.argument.value));
        let known: Vec<&str> = known.collect();
        Ok(complete(json!({"completion": {"values": known, "total": known.len(), "hasMore": false}})))
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Answer<()> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Answer<()> {
        Ok(())
    }

    async fn set_level(&self, _: Level, _: Context) -> Answer<()> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Answer<()> {
        let _listener = self.listening.begin(context.sink().clone());
        tokio::select! {
            () = context.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
        Ok(())
    }
}
