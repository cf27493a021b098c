//! The body of a request, bounded in size and in time; one that arrives in one piece is not copied.

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::{error::Error, time::Duration};

/// Why a body was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyRefusal {
    /// Longer than allowed (413).
    TooLarge,
    /// Did not arrive in time (408).
    TooSlow,
    /// The connection broke.
    Broken(String),
}

/// Reads `body` to its end, at most `max_bytes` and for at most `time_limit`.
///
/// # Errors
/// [`BodyRefusal`].
pub async fn read_body<B>(
    headers: &HeaderMap,
    body: B,
    max_bytes: usize,
    time_limit: Duration,
) -> Result<Bytes, BodyRefusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > max_bytes as u64) {
        return Err(BodyRefusal::TooLarge);
    }
    match tokio::time::timeout(time_limit, Limited::new(body, max_bytes).collect()).await {
        Err(_elapsed) => Err(BodyRefusal::TooSlow),
        Ok(Err(cause)) if cause.is::<LengthLimitError>() => Err(BodyRefusal::TooLarge),
        Ok(Err(cause)) => Err(BodyRefusal::Broken(cause.to_string())),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::{BodyRefusal, read_body};
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, header};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use std::{convert::Infallible, time::Duration};

    const LONG: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn reads_up_to_the_limit() {
        let full = |bytes: usize| Full::new(Bytes::from(vec![b' '; bytes]));
        let none = HeaderMap::new();
        assert_eq!(read_body(&none, full(10), 10, LONG).await.map(|body| body.len()), Ok(10));
        assert_eq!(read_body(&none, full(11), 10, LONG).await, Err(BodyRefusal::TooLarge));
        let mut announced = HeaderMap::new();
        announced.insert(header::CONTENT_LENGTH, HeaderValue::from_static("11"));
        assert_eq!(read_body(&announced, full(1), 10, LONG).await, Err(BodyRefusal::TooLarge));
    }

    #[tokio::test]
    async fn a_piece_too_many_is_too_large_and_a_body_that_never_ends_is_too_slow() {
        let pieces = (0..3).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"12345"))));
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        assert_eq!(read_body(&HeaderMap::new(), body, 10, LONG).await, Err(BodyRefusal::TooLarge));
        let never = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let answer = read_body(&HeaderMap::new(), never, 10, Duration::from_millis(20)).await;
        assert_eq!(answer, Err(BodyRefusal::TooSlow));
    }
}
