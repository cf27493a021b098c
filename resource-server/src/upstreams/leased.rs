//! Requests that outlive the HTTP request they came by: in a legacy session they go on when their client hangs up, because it may take up their
//! stream again. They keep their place among their principal's until they end, and end with their token, their time or their session.

use crate::{
    bearer::{
        revocations::Revocations,
        verified_token::{Place, VerifiedToken},
    },
    refusal::upstream_failed_error,
};
use futures_util::FutureExt as _;
use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, model,
    service::{NotificationContext, RequestContext},
};
use shared::http::CurrentRequest;
use std::{borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// What such a request holds, and what ends it.
#[derive(Debug)]
pub struct Lease {
    /// Its place among the principal's calls.
    pub place: Arc<Place>,
    /// Whose request it is.
    pub token: Arc<VerifiedToken>,
    /// Where its token may appear.
    pub revocations: Arc<Revocations>,
    /// It lasts no longer.
    pub time_limit: Duration,
    /// What the log knows it by.
    pub request: Option<CurrentRequest>,
}

impl Lease {
    async fn is_over(&self) {
        tokio::select! {
            () = self.revocations.revoked(&self.token) => {}
            () = tokio::time::sleep(self.time_limit) => {}
        }
    }

    /// What is answered instead: rmcp answers nothing for a handler that panics, and takes its request for one that runs for ever.
    fn panicked(&self) -> ErrorData {
        let request = self.request.map(|request| tracing::field::display(request.id));
        tracing::error!(request_id = request, "an upstream panicked");
        ErrorData::internal_error(upstream_failed_error().message, None)
    }
}

/// What `handle` answers, unless it panics, the lease of the request or its session ends before, or its client cancels it.
async fn leased<T, F: Future<Output = Result<T, ErrorData>>>(
    context: RequestContext<RoleServer>,
    handle: impl FnOnce(RequestContext<RoleServer>) -> F,
) -> Result<T, ErrorData> {
    let lease = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Arc<Lease>>()).cloned();
    // A handshake has none, and fails with the session that it was to open.
    let Some(lease) = lease else { return handle(context).await };
    let end = context.ct.clone();
    let answer = AssertUnwindSafe(async { handle(context).await }).catch_unwind();
    tokio::select! {
        biased;
        answer = answer => answer.unwrap_or_else(|_panic| Err(lease.panicked())),
        () = lease.is_over() => Err(ErrorData::internal_error("The call was ended", None)),
        () = end.cancelled() => Err(ErrorData::internal_error("The call was cancelled", None)),
    }
}

/// A server whose requests end with their lease and their session, whether or not it looks for that, and are answered though it panics.
#[derive(Clone)]
pub(super) struct Leased<S>(pub S);

macro_rules! requests {
    ($($name:ident($request:ty) -> $answer:ty;)*) => {$(
        async fn $name(&self, request: $request, context: RequestContext<RoleServer>) -> Result<$answer, ErrorData> {
            leased(context, |context| self.0.$name(request, context)).await
        }
    )*};
}

macro_rules! notifications {
    ($($name:ident($notification:ty);)*) => {$(
        async fn $name(&self, notification: $notification, context: NotificationContext<RoleServer>) {
            self.0.$name(notification, context).await;
        }
    )*};
}

/// Everything that a session has; what only the revision without sessions has is left out.
#[expect(deprecated, reason = "sessions speak the revisions that have it")]
impl<S: ServerHandler> ServerHandler for Leased<S> {
    requests! {
        initialize(model::InitializeRequestParams) -> model::InitializeResult;
        complete(model::CompleteRequestParams) -> model::CompleteResult;
        set_level(model::SetLevelRequestParams) -> ();
        get_prompt(model::GetPromptRequestParams) -> model::GetPromptResponse;
        list_prompts(Option<model::PaginatedRequestParams>) -> model::ListPromptsResult;
        list_resources(Option<model::PaginatedRequestParams>) -> model::ListResourcesResult;
        list_resource_templates(Option<model::PaginatedRequestParams>) -> model::ListResourceTemplatesResult;
        read_resource(model::ReadResourceRequestParams) -> model::ReadResourceResponse;
        subscribe(model::SubscribeRequestParams) -> ();
        unsubscribe(model::UnsubscribeRequestParams) -> ();
        call_tool(model::CallToolRequestParams) -> model::CallToolResponse;
        list_tools(Option<model::PaginatedRequestParams>) -> model::ListToolsResult;
        on_custom_request(model::CustomRequest) -> model::CustomResult;
    }

    notifications! {
        on_cancelled(model::CancelledNotificationParam);
        on_progress(model::ProgressNotificationParam);
        on_custom_notification(model::CustomNotification);
    }

    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        leased(context, |context| self.0.ping(context)).await
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.0.on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.0.on_roots_list_changed(context).await;
    }

    fn get_tool(&self, name: &str) -> Option<model::Tool> {
        self.0.get_tool(name)
    }

    fn get_info(&self) -> model::ServerConfig {
        self.0.get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [model::ProtocolVersion]> {
        self.0.supported_protocol_versions()
    }
}
