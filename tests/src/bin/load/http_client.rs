//! A keep-alive HTTP/1.1 connection that sends prepared requests one after another.

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request that can be sent to either side.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// Every header but Host and Content-Length.
    pub headers: HeaderMap,
    /// Its body; all requests are POST.
    pub body: Bytes,
}

impl Request {
    /// A POST with these headers.
    pub fn post(path: &str, headers: &[(HeaderName, &str)], body: impl Into<Bytes>) -> anyhow::Result<Self> {
        let headers = headers.iter().map(|(name, value)| Ok((name.clone(), HeaderValue::from_str(value)?)));
        Ok(Self { path: path.into(), headers: headers.collect::<anyhow::Result<_>>()?, body: body.into() })
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Connection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.with_context(|| format!("port {port}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: HeaderValue::from_str(&format!("localhost:{port}"))? })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: &Request) -> anyhow::Result<(StatusCode, Bytes)> {
        let answer = self.begin(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Sends a request whose answer goes on, and reads how it begins.
    pub async fn listen(mut self, request: &Request) -> anyhow::Result<OpenStream> {
        let answer = self.begin(request).await?;
        let (status, mut rest) = (answer.status(), answer.into_body());
        let frame = rest.frame().await.context("the answer has no body")??;
        let beginning = frame.into_data().ok().context("the answer begins with trailers")?;
        ensure!(status.is_success(), "{} answered {status}: {}", request.path, String::from_utf8_lossy(&beginning));
        Ok(OpenStream { beginning, rest, _connection: self })
    }

    async fn begin(&mut self, request: &Request) -> anyhow::Result<Response<Incoming>> {
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = Method::POST;
        *message.uri_mut() = request.path.parse()?;
        *message.headers_mut() = request.headers.clone();
        message.headers_mut().insert(HOST, self.host.clone());
        self.sender.ready().await?;
        Ok(self.sender.send_request(message).await?)
    }
}

/// An answer that goes on, on a connection of its own.
#[derive(Debug)]
pub struct OpenStream {
    /// What came first.
    pub beginning: Bytes,
    rest: Incoming,
    _connection: Connection,
}

impl OpenStream {
    /// Whether it has not ended, and said nothing more.
    pub fn is_open(&mut self) -> bool {
        self.rest.frame().now_or_never().is_none()
    }
}
