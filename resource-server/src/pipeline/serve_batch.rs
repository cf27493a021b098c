//! A batch: every message is judged as if it came alone, and only then is the first one run. What would refuse one of them as a request
//! (its token lacks a scope, its session is somebody else's) refuses all, so that nothing is smuggled in good company.

use super::{
    Caller, Pipeline,
    answer::{event_stream, no_store},
    count_call::Rates,
    refuse_over_limit,
};
use crate::{
    bearer::verified_token::Place,
    mcp::{json_rpc_error::JsonRpcError, request_id::RequestId},
    refusal::{Refusal, answers_too_large_error, unavailable_error, upstream_too_slow_error},
    upstreams::{Message, ReplyBody},
};
use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future::Either, stream};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyStream, Full, StreamBody, combinators::BoxBody};
use shared::clock::UnixSeconds;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// Once its answers have so many bytes together, no further request of a batch is run: they are all in memory until the last one is there.
const BATCH_ANSWERS_MAX_BYTES: usize = 1024 * 1024;

/// A message, and whether it is the list of tools, or what it is answered instead of being run.
type Judged = (Message, Result<bool, JsonRpcError>);

impl Pipeline {
    /// Answers a batch.
    pub(super) async fn serve_batch(
        &self,
        caller: &Caller,
        messages: Vec<Message>,
        place: Arc<Place>,
        rates: &mut Rates,
        now: UnixSeconds,
    ) -> Result<Response, Refusal> {
        // The request itself was counted.
        let others = u32::try_from(messages.len().saturating_sub(1)).unwrap_or(u32::MAX);
        if others > 0 {
            refuse_over_limit(&self.count_requests(caller, others).await?)?;
        }
        if let Some(first) = messages.first() {
            self.check_session(caller, first, now).await?;
        }
        let judged = messages.into_iter().map(|message| match self.judge(caller, &message) {
            Ok(lists_tools) => Ok((message, Ok(lists_tools))),
            Err(Refusal::Protocol(error)) => Ok((message, Err(error))),
            Err(refusal) => Err(refusal),
        });
        let judged = judged.collect::<Result<Vec<Judged>, Refusal>>()?;
        for (message, judgement) in &judged {
            if judgement.is_ok() {
                self.count_call(caller, message, rates).await?;
            }
        }
        let answers = self.answer_each(caller, judged, &place).await?;
        let mut response = no_store(Response::new(Body::empty()));
        if answers.is_empty() {
            *response.status_mut() = StatusCode::ACCEPTED;
        } else if answers.iter().all(|answer| matches!(answer, ReplyBody::Whole(_))) {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = self.hold(caller, Full::new(array(answers)), place, now);
        } else {
            response.headers_mut().insert(CONTENT_TYPE, event_stream());
            self.stream(&mut response, events(answers), place, self.end_of_stream(caller, None, now));
        }
        Ok(response)
    }

    /// Runs one after the other; what wants no answer gets none.
    async fn answer_each(
        &self,
        caller: &Caller,
        judged: Vec<Judged>,
        place: &Arc<Place>,
    ) -> Result<Vec<ReplyBody>, Refusal> {
        let deadline = Instant::now() + self.limits.call_time;
        let (mut answers, mut bytes) = (Vec::with_capacity(judged.len()), 0);
        for (message, judgement) in judged {
            let id = message.envelope.as_ref().and_then(|envelope| envelope.id().cloned());
            let answer = match judgement {
                Err(error) => ReplyBody::Whole(error.body()),
                Ok(_) if id.is_some() && bytes > BATCH_ANSWERS_MAX_BYTES => {
                    ReplyBody::Whole(answers_too_large_error().answering(id.as_ref()).body())
                }
                Ok(true) => {
                    let tools = self.tools_for(caller, &message);
                    ReplyBody::Whole(tools.map(|tools| tools.to_bytes()).unwrap_or_default())
                }
                Ok(false) => self.answer_by(deadline, caller, message, id.as_ref(), place).await?,
            };
            if id.is_some() {
                bytes += if let ReplyBody::Whole(answer) = &answer { answer.len() } else { 0 };
                answers.push(answer);
            }
        }
        Ok(answers)
    }

    /// Calls the upstream for one message of several, which have together the time of one call. What keeps it from an answer is the answer: who
    /// heard that all failed would send all again, and what has run would run twice.
    async fn answer_by(
        &self,
        deadline: Instant,
        caller: &Caller,
        message: Message,
        id: Option<&RequestId>,
        place: &Arc<Place>,
    ) -> Result<ReplyBody, Refusal> {
        let error = |error: JsonRpcError| ReplyBody::Whole(error.answering(id).body());
        if Instant::now() >= deadline {
            return Ok(error(upstream_too_slow_error()));
        }
        match timeout_at(deadline, self.call(caller, message, id, place)).await {
            Ok(Ok(reply)) => Ok(reply.body),
            Ok(Err(Refusal::UpstreamFailed(failed))) => Ok(error(failed)),
            Ok(Err(Refusal::Unavailable)) => Ok(error(unavailable_error())),
            Ok(Err(refusal)) => Err(refusal),
            Err(_elapsed) => Ok(error(upstream_too_slow_error())),
        }
    }
}

fn array(answers: Vec<ReplyBody>) -> Bytes {
    let lengths = answers.iter().map(|answer| if let ReplyBody::Whole(answer) = answer { answer.len() + 1 } else { 0 });
    let mut text = BytesMut::with_capacity(lengths.sum::<usize>() + 1);
    for answer in answers {
        let ReplyBody::Whole(answer) = answer else { continue };
        text.extend_from_slice(if text.is_empty() { b"[" } else { b"," });
        text.extend_from_slice(&answer);
    }
    text.extend_from_slice(b"]");
    text.freeze()
}

/// One stream of all answers: those that are there as an event each, then what the others send, in their order.
fn events(answers: Vec<ReplyBody>) -> BoxBody<Bytes, std::convert::Infallible> {
    let frames = stream::iter(answers).flat_map(|answer| match answer {
        ReplyBody::Whole(answer) => Either::Left(stream::iter([Ok(Frame::data(event(&answer)))])),
        ReplyBody::Stream(stream) => Either::Right(BodyStream::new(stream)),
    });
    BoxBody::new(StreamBody::new(frames))
}

/// A message as an event; each of its lines is a line of data.
fn event(message: &[u8]) -> Bytes {
    let mut text = BytesMut::with_capacity(message.len() + 16);
    for line in message.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(line);
        text.extend_from_slice(b"\n");
    }
    text.extend_from_slice(b"\n");
    text.freeze()
}

#[cfg(test)]
mod tests {
    use super::{array, event};
    use crate::upstreams::ReplyBody;
    use bytes::Bytes;

    #[test]
    fn answers_become_an_array() {
        let whole = |text: &'static str| ReplyBody::Whole(Bytes::from_static(text.as_bytes()));
        assert_eq!(array(vec![whole("{\"id\":1}")]), "[{\"id\":1}]");
        assert_eq!(array(vec![whole("{\"id\":1}"), whole("{\"id\":2}")]), "[{\"id\":1},{\"id\":2}]");
    }

    #[test]
    fn an_answer_cannot_begin_another_event() {
        assert_eq!(event(b"{\n\n\"event\": 1\r}"), "data: {\ndata: \ndata: \"event\": 1\ndata: }\n\n");
    }
}
