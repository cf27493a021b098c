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
    refusal::{Limit, Refusal, answers_too_large_error, unavailable_error, upstream_too_slow_error},
    upstreams::{Message, ReplyBody},
};
use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use shared::{clock::UnixSeconds, http::carried};
use std::{convert::Infallible, sync::Arc, vec};
use tokio::{
    sync::mpsc::{self, error::SendError},
    time::{Instant, timeout_at},
};

/// Once its answers have so many bytes together, no further request of a batch is run: they are all in memory until the last one is there.
const BATCH_ANSWERS_MAX_BYTES: usize = 1024 * 1024;

/// A message, and whether it is the list of tools, or what it is answered instead of being run.
type Judged = (Message, Result<bool, JsonRpcError>);

/// A batch that is being run, one message after the other.
struct Run {
    caller: Caller,
    /// The one that it has among its principal's calls.
    place: Arc<Place>,
    left: vec::IntoIter<Judged>,
    /// All of it has the time of one call.
    deadline: Instant,
    /// How much was answered that is still in memory.
    kept_bytes: usize,
}

impl Pipeline {
    /// Answers a batch.
    pub(super) async fn serve_batch(
        self: &Arc<Self>,
        caller: &Caller,
        messages: Vec<Message>,
        place: Arc<Place>,
        rates: &mut Rates,
        now: UnixSeconds,
    ) -> Result<Response, Refusal> {
        // The request itself was counted.
        let others = u32::try_from(messages.len().saturating_sub(1)).unwrap_or(u32::MAX);
        if others > 0 {
            refuse_over_limit(&self.count_requests(caller, others).await?, Limit::Requests)?;
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
        let deadline = Instant::now() + self.limits.call_time;
        let (caller, left) = (caller.clone(), judged.into_iter());
        let mut run = Run { caller, place, left, deadline, kept_bytes: 0 };
        let mut answered = Vec::with_capacity(run.left.len());
        let stream = loop {
            match run.next_answer(self).await? {
                None => break None,
                Some(ReplyBody::Stream(stream)) => break Some(stream),
                Some(ReplyBody::Whole(answer)) => {
                    run.kept_bytes += answer.len();
                    answered.push(answer);
                }
            }
        };
        let mut response = no_store(Response::new(Body::empty()));
        if let Some(stream) = stream {
            response.headers_mut().insert(CONTENT_TYPE, event_stream());
            let (place, end) = (run.place.clone(), self.end_of_stream(&run.caller, None, now));
            self.stream(&mut response, self.events(answered, stream, run), place, end);
        } else if answered.is_empty() {
            *response.status_mut() = StatusCode::ACCEPTED;
        } else {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = self.hold(&run.caller, Full::new(array(&answered)), run.place, now);
        }
        Ok(response)
    }

    /// What a batch answers from the first stream on: what was answered before it, that stream to its end, and only then the next message, so
    /// that no two run at once. When nobody listens any more nothing further is run.
    fn events(
        self: &Arc<Self>,
        answered: Vec<Bytes>,
        stream: BoxBody<Bytes, Infallible>,
        mut run: Run,
    ) -> BoxBody<Bytes, Infallible> {
        let (sender, mut receiver) = mpsc::channel(1);
        let pipeline = self.clone();
        run.kept_bytes = 0;
        tokio::spawn(carried(async move {
            let told = async {
                for answer in answered {
                    tell(&sender, ReplyBody::Whole(answer)).await?;
                }
                tell(&sender, ReplyBody::Stream(stream)).await?;
                // What refuses a message now, a revoked token, ends the whole stream.
                while let Ok(Some(answer)) = run.next_answer(&pipeline).await {
                    tell(&sender, answer).await?;
                }
                Ok::<_, SendError<_>>(())
            };
            tokio::select! {
                _all_or_nobody_listens = told => {}
                () = sender.closed() => {}
            }
            // Whoever hears the end finds the place free.
            drop((run, sender));
        }));
        let frames = stream::poll_fn(move |context| receiver.poll_recv(context));
        BoxBody::new(StreamBody::new(frames.map(Ok)))
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

impl Run {
    /// Runs what comes next until something is answered; what wants no answer gets none. `None` when all was run.
    async fn next_answer(&mut self, pipeline: &Pipeline) -> Result<Option<ReplyBody>, Refusal> {
        for (message, judgement) in self.left.by_ref() {
            let id = message.envelope.as_ref().and_then(|envelope| envelope.id().cloned());
            let answer = match judgement {
                Err(error) => ReplyBody::Whole(error.body()),
                Ok(_) if id.is_some() && self.kept_bytes > BATCH_ANSWERS_MAX_BYTES => {
                    ReplyBody::Whole(answers_too_large_error().answering(id.as_ref()).body())
                }
                Ok(true) => {
                    let tools = pipeline.tools_for(&self.caller, &message);
                    ReplyBody::Whole(tools.map(|tools| tools.to_bytes()).unwrap_or_default())
                }
                Ok(false) => pipeline.answer_by(self.deadline, &self.caller, message, id.as_ref(), &self.place).await?,
            };
            if id.is_some() {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }
}

/// Sends an answer as events.
async fn tell(listener: &mpsc::Sender<Frame<Bytes>>, answer: ReplyBody) -> Result<(), SendError<Frame<Bytes>>> {
    match answer {
        ReplyBody::Whole(answer) => listener.send(Frame::data(event(&answer))).await,
        ReplyBody::Stream(mut stream) => {
            while let Some(Ok(frame)) = stream.frame().await {
                listener.send(frame).await?;
            }
            Ok(())
        }
    }
}

fn array(answers: &[Bytes]) -> Bytes {
    let lengths = answers.iter().map(|answer| answer.len() + 1);
    let mut text = BytesMut::with_capacity(lengths.sum::<usize>() + 1);
    for answer in answers {
        text.extend_from_slice(if text.is_empty() { b"[" } else { b"," });
        text.extend_from_slice(answer);
    }
    text.extend_from_slice(b"]");
    text.freeze()
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
    use bytes::Bytes;

    #[test]
    fn answers_become_an_array() {
        let [one, two] = ["{\"id\":1}", "{\"id\":2}"].map(Bytes::from);
        assert_eq!(array(std::slice::from_ref(&one)), "[{\"id\":1}]");
        assert_eq!(array(&[one, two]), "[{\"id\":1},{\"id\":2}]");
    }

    #[test]
    fn an_answer_cannot_begin_another_event() {
        assert_eq!(event(b"{\n\n\"event\": 1\r}"), "data: {\ndata: \ndata: \"event\": 1\ndata: }\n\n");
    }
}
