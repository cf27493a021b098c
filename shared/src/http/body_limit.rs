//! Reading a request's body within a limit of size and of time.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// 64 KiB: what OAuth endpoints read.
pub const OAUTH_BODY_BYTES: usize = 64 * 1024;
/// 1 MiB: what MCP endpoints read unless configured otherwise.
pub const MCP_BODY_BYTES: usize = 1024 * 1024;
/// 15 seconds: how long a caller may take to send its body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The most a body may be and take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimit {
    /// The most bytes.
    pub bytes: usize,
    /// From the first look to the last byte.
    pub timeout: Duration,
}

impl BodyLimit {
    /// That many bytes within [`BODY_TIMEOUT`].
    pub const fn of_bytes(bytes: usize) -> Self {
        Self { bytes, timeout: BODY_TIMEOUT }
    }
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefusal {
    /// 413.
    #[error("the request body is larger than this endpoint reads")]
    TooLarge,
    /// 408.
    #[error("the request body did not arrive in time")]
    TooSlow,
    /// 400: the connection or the encoding broke off.
    #[error("the request body broke off")]
    Broken,
}

impl BodyRefusal {
    /// The status that answers it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for BodyRefusal {
    fn into_response(self) -> Response {
        (self.status(), [(header::CONNECTION, "close")], format!("{self}\n")).into_response()
    }
}

/// The whole body, if it keeps within the limit. `headers` are the request's; a body that says it is too long is not
/// read at all.
///
/// # Errors
/// [`BodyRefusal`]; the answer should close the connection, since the rest of the body is still to come.
pub async fn read_body(headers: &HeaderMap, body: Body, limit: BodyLimit) -> Result<Bytes, BodyRefusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit.bytes as u64) {
        return Err(BodyRefusal::TooLarge);
    }
    let mut collected = pin!(collect(body, limit.bytes));
    // Nearly every body came with its head: only one that has to be waited for needs a timer.
    if let Poll::Ready(collected) = poll_fn(|cx| Poll::Ready(collected.as_mut().poll(cx))).await {
        return collected;
    }
    tokio::time::timeout(limit.timeout, collected).await.unwrap_or(Err(BodyRefusal::TooSlow))
}

/// A body of one frame, which is nearly every body, is passed on without a copy.
async fn collect(mut body: Body, most: usize) -> Result<Bytes, BodyRefusal> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyRefusal::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > most {
            return Err(BodyRefusal::TooLarge);
        }
        if first.is_empty() { first = data } else { rest.extend_from_slice(&data) }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::{BodyLimit, BodyRefusal, read_body};
    use axum::body::Body;
    use bytes::Bytes;
    use futures_util::stream;
    use http::HeaderMap;
    use std::time::Duration;

    const LIMIT: BodyLimit = BodyLimit { bytes: 10, timeout: Duration::from_secs(5) };

    fn in_pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn reads_up_to_the_limit_and_not_a_byte_more() {
        let none = HeaderMap::new();
        for (pieces, expected) in [
            (vec![], Ok("")),
            (vec!["0123456789"], Ok("0123456789")),
            (vec!["01234", "", "567", "89"], Ok("0123456789")),
            (vec!["0123456789", "a"], Err(BodyRefusal::TooLarge)),
            (vec!["0123456789a"], Err(BodyRefusal::TooLarge)),
        ] {
            assert_eq!(read_body(&none, in_pieces(&pieces), LIMIT).await, expected.map(Bytes::from), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_says_it_is_too_long_is_not_read() {
        let mut headers = HeaderMap::new();
        headers.insert("content-length", "11".parse().unwrap());
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read_body(&headers, never, LIMIT).await, Err(BodyRefusal::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let impatient = BodyLimit { timeout: Duration::from_millis(5), ..LIMIT };
        assert_eq!(read_body(&HeaderMap::new(), never, impatient).await, Err(BodyRefusal::TooSlow));
        assert_eq!(BodyRefusal::TooSlow.status(), 408);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let broken =
            Body::from_stream(stream::iter([Ok(Bytes::from_static(b"0")), Err(std::io::Error::other("reset"))]));
        assert_eq!(read_body(&HeaderMap::new(), broken, LIMIT).await, Err(BodyRefusal::Broken));
    }
}
