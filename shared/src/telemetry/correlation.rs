//! What every line says of the request on whose behalf it is written.

use crate::http::current_request;
use crate::trace::current_trace_id;
use std::fmt::Display;

/// Calls `say` with the name and the value of each: the request's id, its trace, and the trace of the message in it, where that is another.
pub(super) fn each(mut say: impl FnMut(&'static str, &dyn Display)) {
    let request = current_request();
    if let Some(request) = &request {
        say("request_id", &request.id);
    }
    let of_request = request.and_then(|request| request.trace_id);
    if let Some(trace_id) = &of_request {
        say("trace_id", trace_id);
    }
    if let Some(trace_id) = current_trace_id().filter(|current| Some(*current) != of_request) {
        say(if request.is_some() { "message_trace_id" } else { "trace_id" }, &trace_id);
    }
}
