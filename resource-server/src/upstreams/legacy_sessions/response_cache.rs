//! Answers that may not have arrived: kept for a while, for whoever lost the connection just then and takes the stream up again. Few for a
//! session, none that is large.

use rmcp::model::{CustomResult, JsonRpcError, JsonRpcResponse, RequestId, ServerJsonRpcMessage, ServerResult};
use serde_json::{Value, json};
use shared::ephemeral::{Ephemeral, EphemeralError};
use std::sync::Arc;

/// For so long: clients come back within seconds.
const KEPT_SECONDS: u32 = 60;
/// So many of one session are kept; each that comes takes the place of the eighth before it.
const KEPT_PER_SESSION: u64 = 8;

/// The answers of all sessions.
#[derive(Clone)]
pub(super) struct ResponseCache(Arc<dyn Ephemeral>);

/// What is in the place of an answer.
pub(super) enum Kept {
    /// It.
    Answer(Box<ServerJsonRpcMessage>),
    /// A later one.
    Another,
    /// Nothing, or one before it.
    Nothing,
}

impl ResponseCache {
    pub(super) fn new(ephemeral: Arc<dyn Ephemeral>) -> Self {
        Self(ephemeral)
    }

    /// Keeps the answer to the call `number` of a session in a process.
    pub(super) fn keep(
        &self,
        session: &str,
        process: &str,
        number: u64,
        answer: &ServerJsonRpcMessage,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (key, ephemeral) = (place(session, process, number), self.0.clone());
        let kept = json!({"number": number, "answer": answer}).to_string();
        async move {
            if let Err(cause) = ephemeral.put(&key, kept.as_bytes(), KEPT_SECONDS).await {
                tracing::debug!(%cause, "an answer is not kept");
            }
        }
    }

    pub(super) async fn find(&self, session: &str, process: &str, number: u64) -> Result<Kept, EphemeralError> {
        let Some(kept) = self.0.get(&place(session, process, number)).await? else { return Ok(Kept::Nothing) };
        let mut kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
        let found = kept["number"].as_u64().unwrap_or_default();
        Ok(match read(kept["answer"].take()) {
            Some(answer) if found == number => Kept::Answer(Box::new(answer)),
            _ if found > number => Kept::Another,
            _ => Kept::Nothing,
        })
    }
}

fn place(session: &str, process: &str, number: u64) -> String {
    format!("answer:{session}:{process}:{}", number % KEPT_PER_SESSION)
}

/// The result stays as it was said: which of all results it is would be a guess.
fn read(mut answer: Value) -> Option<ServerJsonRpcMessage> {
    if answer.get("error").is_some() {
        return serde_json::from_value::<JsonRpcError>(answer).ok().map(ServerJsonRpcMessage::Error);
    }
    let id: RequestId = serde_json::from_value(answer["id"].take()).ok()?;
    let result = ServerResult::CustomResult(CustomResult(answer.get_mut("result")?.take()));
    Some(ServerJsonRpcMessage::Response(JsonRpcResponse { jsonrpc: Default::default(), id, result }))
}
