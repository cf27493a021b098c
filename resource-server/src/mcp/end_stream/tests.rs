use super::{EndingStream, PIECE_MAX_BYTES, StreamEnd};
use crate::bearer::{
    principal::{Principal, tests::principal},
    revocations::Revocations,
    verified_token::{PrincipalShares, VerifiedToken},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; whoever waits that long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

fn token() -> Arc<VerifiedToken> {
    let principal = Principal { expires_at: 900, ..principal() };
    Arc::new(VerifiedToken::new(principal, "k".into(), true, 0, &PrincipalShares::default()))
}

/// As many frames as anybody takes, or one and then silence.
fn frames(endless: bool) -> BoxBody<Bytes, Infallible> {
    let frame = || Ok::<_, Infallible>(Frame::data(Bytes::from_static(b": hi\n\n")));
    let silence = stream::iter([frame()]).chain(stream::pending());
    if endless {
        BoxBody::new(StreamBody::new(stream::repeat_with(frame)))
    } else {
        BoxBody::new(StreamBody::new(silence))
    }
}

/// A stream that holds the only place of its principal.
fn open(
    inner: BoxBody<Bytes, Infallible>,
    unread_max: Duration,
    stop: &CancellationToken,
) -> (EndingStream, Arc<VerifiedToken>) {
    let token = token();
    let place = token.share.open_stream(1).expect("a place");
    let revocations = Arc::new(Revocations::new("r"));
    let end = StreamEnd {
        time_limit: DEADLINE * 10,
        unread_max,
        stop: Some(stop.clone()),
        last_words: Duration::from_millis(100),
        revocations,
        token: token.clone(),
    };
    (EndingStream::new(inner, place, end), token)
}

async fn is_given_back(token: &VerifiedToken) {
    let free = async {
        while token.share.open_stream(1).is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, free).await.expect("the place is given back");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_gives_back_its_place_and_one_that_is_silent_stays() {
    let (short, stop) = (Duration::from_millis(20), CancellationToken::new());
    let (mut silent, silents) = open(frames(false), short, &stop);
    silent.frame().await.expect("the first").expect("a frame");
    // Its client waits for the next one, as it should.
    let waiting = tokio::spawn(async move { silent.frame().await.is_none() });
    for polled in [true, false] {
        let (mut unread, token) = open(frames(true), short, &stop);
        if polled {
            unread.frame().await.expect("the first").expect("a frame");
        }
        is_given_back(&token).await;
        assert!(unread.frame().await.is_none(), "and it is over");
    }
    assert!(!waiting.is_finished() && silents.share.open_stream(1).is_none());
    waiting.abort();
}

#[tokio::test]
async fn a_stream_that_listens_ends_when_the_server_stops() {
    let stop = CancellationToken::new();
    let (mut stream, token) = open(frames(false), DEADLINE, &stop);
    stream.frame().await.expect("the first").expect("a frame");
    let next = tokio::spawn(async move { stream.frame().await.is_none() });
    stop.cancel();
    assert!(tokio::time::timeout(DEADLINE, next).await.expect("in time").expect("no panic"), "its end is a proper one");
    is_given_back(&token).await;
}

/// Whatever comes in those moments is still said.
#[tokio::test]
async fn a_stream_that_ends_by_itself_at_a_stop_says_its_last_word() {
    let stop = CancellationToken::new();
    let word = || Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"data: over\n\n")));
    let told = stop.clone();
    let last = stream::once(async move {
        told.cancelled().await;
        tokio::task::yield_now().await;
        word()
    });
    let (stream, token) = open(BoxBody::new(StreamBody::new(last)), DEADLINE, &stop);
    stop.cancel();
    let said = tokio::time::timeout(DEADLINE, stream.collect()).await.expect("in time").expect("no error");
    assert_eq!(said.to_bytes(), "data: over\n\n");
    is_given_back(&token).await;
}

/// Knows whether its bytes are still somewhere.
struct Kept {
    bytes: Vec<u8>,
    _kept: Arc<()>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[tokio::test]
async fn a_long_answer_is_handed_out_in_pieces_and_let_go_with_its_end() {
    let (kept, stop) = (Arc::new(()), CancellationToken::new());
    let text: Vec<u8> = (0..3 * PIECE_MAX_BYTES + 1).map(|index| (index % 251) as u8).collect();
    let long = || BoxBody::new(Full::new(Bytes::from_owner(Kept { bytes: text.clone(), _kept: kept.clone() })));
    let (whole, token) = open(long(), DEADLINE, &stop);
    assert_eq!(whole.size_hint().exact(), Some(text.len() as u64));
    assert_eq!(whole.collect().await.expect("no error").to_bytes(), text);
    is_given_back(&token).await;
    assert_eq!(Arc::strong_count(&kept), 1, "none of it is left");
    let (mut unread, token) = open(long(), DEADLINE, &stop);
    let piece = unread.frame().await.expect("the first").expect("a frame").into_data().expect("data");
    assert_eq!(piece, text[..PIECE_MAX_BYTES]);
    assert_eq!(unread.size_hint().exact(), Some((text.len() - PIECE_MAX_BYTES) as u64));
    assert!(!unread.is_end_stream());
    stop.cancel();
    is_given_back(&token).await;
    assert_eq!(Arc::strong_count(&kept), 1, "what was handed out holds nothing but itself");
    assert!(unread.frame().await.is_none());
}
