//! HTTP to the issuer: time-outs, a size cap, no redirects, no proxy, and no body in any error.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use shared::{
    http::carried,
    trace::{SpanKind, begin, propagation_headers},
};
use std::time::Duration;

/// Time to connect.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a whole exchange, unless the caller waits on purpose.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for what others wait for, too.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// No answer of the issuer is longer.
pub const RESPONSE_MAX_BYTES: usize = 1024 * 1024;

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    /// Whether whoever is asked hears on behalf of which trace.
    tells_traces: bool,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Bytes,
}

/// Why there is none, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, no answer in time, or a broken one.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// Longer than [`RESPONSE_MAX_BYTES`].
    #[error("{url} answered with more than {RESPONSE_MAX_BYTES} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
    },
    /// An answer with another status than the caller needs.
    #[error("{url} answered {status}{}", code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: StatusCode,
        /// The OAuth error code, if it sent one.
        code: Option<String>,
    },
    /// No answer yet, and whoever asked waits no longer.
    #[error("{url} did not answer in time")]
    Late {
        /// What was asked.
        url: String,
    },
    /// The answer is not what it should be.
    #[error("{url} answered with something else than {expected}")]
    Malformed {
        /// What was asked.
        url: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Fetcher {
    /// A client with these rules, for servers of somebody else: what a caller says of its trace is nothing to them.
    ///
    /// # Errors
    /// Without TLS roots there is none.
    pub fn new() -> Result<Self, FetchError> {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("postern-resource-server/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(|client| Self { client, tells_traces: false })
            .map_err(|cause| FetchError::Unreachable { url: "the HTTP client".into(), cause: because(&cause) })
    }

    /// The same for our own authorization server, which goes on with the trace (`traceparent`, `tracestate`).
    pub fn for_own_issuer(&self) -> Self {
        Self { client: self.client.clone(), tells_traces: true }
    }

    /// A GET that accepts JSON.
    pub fn get(&self, url: &str) -> reqwest::RequestBuilder {
        self.client.get(url).header(http::header::ACCEPT, "application/json")
    }

    /// A POST of a form that accepts JSON.
    pub fn post_form(&self, url: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        self.client.post(url).header(http::header::ACCEPT, "application/json").form(form)
    }

    /// A POST of JSON that accepts JSON.
    pub fn post_json(&self, url: &str, json: &impl serde::Serialize) -> reqwest::RequestBuilder {
        self.client.post(url).header(http::header::ACCEPT, "application/json").json(json)
    }

    /// A PUT of JSON.
    pub fn put_json(&self, url: &str, json: &impl serde::Serialize) -> reqwest::RequestBuilder {
        self.client.put(url).header(http::header::ACCEPT, "application/json").json(json)
    }

    /// Sends `request` to `url` and reads the whole answer.
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] and [`FetchError::TooLarge`].
    pub async fn send(&self, url: &str, request: reqwest::RequestBuilder) -> Result<Fetched, FetchError> {
        let mut step = begin("ask an issuer", SpanKind::Client);
        if step.is_recording() {
            step.set_attribute("url.full", url.split(['?', '#']).next().unwrap_or_default().to_owned());
        }
        let sent = step.run(self.exchange(url, request)).await;
        match &sent {
            Ok(fetched) if step.is_recording() => {
                step.set_attribute("http.response.status_code", fetched.status.as_str().to_owned());
            }
            Ok(_) => {}
            Err(_) => step.set_error(),
        }
        sent
    }

    /// Sends `request` and reads the JSON of a 200.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn send_for_json<T: serde::de::DeserializeOwned>(
        &self,
        url: &str,
        request: reqwest::RequestBuilder,
        expected: &'static str,
    ) -> Result<T, FetchError> {
        let fetched = self.send(url, request).await?;
        if fetched.status != StatusCode::OK {
            return Err(refused(url, &fetched));
        }
        serde_json::from_slice(&fetched.body).map_err(|_| FetchError::Malformed { url: url.to_owned(), expected })
    }

    async fn exchange(&self, url: &str, request: reqwest::RequestBuilder) -> Result<Fetched, FetchError> {
        let unreachable =
            |cause: reqwest::Error| FetchError::Unreachable { url: url.to_owned(), cause: because(&cause) };
        let too_large = || FetchError::TooLarge { url: url.to_owned() };
        let request = if self.tells_traces { request.headers(propagation_headers()) } else { request };
        let mut response = request.send().await.map_err(unreachable)?;
        if response.content_length().is_some_and(|bytes| bytes > RESPONSE_MAX_BYTES as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > RESPONSE_MAX_BYTES {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status: response.status(), headers: response.headers().clone(), body: body.into() })
    }
}

/// Does `work` to its end, also when nobody waits for it any more: callers that give up must not keep it from ever being done. `None` after
/// [`PATIENCE`].
pub fn patiently<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Option<T>> + Send {
    // Kilobytes that those who need not wait would move about with them.
    let work = Box::pin(work);
    async move { tokio::time::timeout(PATIENCE, tokio::spawn(carried(work))).await.ok()?.ok() }
}

/// The refusal in `fetched`, with its OAuth error code if it looks like one.
pub fn refused(url: &str, fetched: &Fetched) -> FetchError {
    let json: Option<serde_json::Value> = serde_json::from_slice(&fetched.body).ok();
    let code = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let code =
        code.filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    FetchError::Refused { url: url.to_owned(), status: fetched.status, code: code.map(str::to_owned) }
}

/// The innermost cause, which says "connection refused" where the outer ones say "error sending request".
fn because(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
