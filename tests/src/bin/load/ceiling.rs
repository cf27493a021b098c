//! Ceilings: bare axum that reads the same request, does the one unavoidable thing and answers with the same bytes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_SHA256,
    RsaKeyPair, Signature,
};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use system_tests::process::Process;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::durable_ceiling::{Durable, Work};
use crate::measure::Target;

/// The one unavoidable thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Signs once with ES256.
    SignEs256,
    /// Signs once with RS256.
    SignRs256,
    /// Consumes a refresh token and inserts its successor, 64 to a COMMIT.
    Rotate,
    /// Marks a code as used and inserts a refresh token, 64 to a COMMIT.
    Exchange,
    /// One SHA-256 and one cache hit.
    HashAndLook,
    /// Verifies one ES256 signature, each time another one.
    VerifyEs256,
    /// Nothing at all.
    Answer,
    /// Nothing at all, in a stream that does not end.
    Listen,
}

/// Enough bytes for the header and the claims of an access token.
const SIGNED_BYTES: usize = 600;
/// Verifying branches on the digits of the signature: a processor that is shown one again and again learns it by heart, and takes a tenth less.
const SIGNATURES: u64 = 10_000;

/// A running ceiling. Dropping it ends it.
#[derive(Debug)]
pub struct Ceiling {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Ceiling {
    /// Starts this program again as a ceiling that answers with these bytes.
    pub async fn start(kind: Kind, answer: &[u8]) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path().join("answer");
        fs::write(&path, answer)?;
        let name = clap::ValueEnum::to_possible_value(&kind).context("every ceiling has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--ceiling").arg(name.get_name()).arg("--answer").arg(path);
        let process = Process::spawn(command)?;
        let port = |line: &str| line.strip_prefix("listening on ").and_then(|port| port.parse().ok());
        let port = process.find_in_stdout(0, std::time::Duration::from_secs(20), port).await?;
        Ok(Self { process, port, _folder: folder })
    }

    /// Where to send the load.
    pub fn target(&self) -> anyhow::Result<Target> {
        Ok(Target { process_id: self.process.id()?, port: self.port })
    }
}

/// What the handlers of a ceiling hold, made once at its start.
enum Unavoidable {
    SignEs256(EcdsaKeyPair, SystemRandom),
    SignRs256(Box<RsaKeyPair>, SystemRandom),
    Durable(Durable),
    HashAndLook(RwLock<HashMap<[u8; 32], u64>>),
    VerifyEs256(Box<Signed>),
    Answer,
    Listen,
}

/// Messages that differ, and who signed them.
struct Signed {
    key: ParsedPublicKey,
    signatures: Vec<Signature>,
    next: AtomicUsize,
}

impl Signed {
    fn new(message: &[u8]) -> anyhow::Result<Self> {
        let (pair, random) = (EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?, SystemRandom::new());
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
        let sign = |number| pair.sign(&random, &numbered(message, number));
        let signatures = (0..SIGNATURES).map(sign).collect::<Result<_, _>>()?;
        Ok(Self { key, signatures, next: AtomicUsize::new(0) })
    }

    fn verify_next(&self, message: &[u8]) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.signatures.len();
        let is_right =
            |signature: &Signature| self.key.verify_sig(&numbered(message, number as u64), signature.as_ref()).is_ok();
        self.signatures.get(number).is_some_and(is_right)
    }
}

fn numbered(message: &[u8], number: u64) -> Vec<u8> {
    [&number.to_be_bytes(), message].concat()
}

struct State {
    unavoidable: Unavoidable,
    message: Vec<u8>,
    answer: Bytes,
}

/// Serves a ceiling until standard input is closed.
pub async fn serve(kind: Kind, answer: &Path) -> anyhow::Result<()> {
    let message = vec![b'x'; SIGNED_BYTES];
    let unavoidable = prepare(kind, &message, answer.parent().map(PathBuf::from).unwrap_or_default()).await?;
    let state = Arc::new(State { unavoidable, message, answer: Bytes::from(fs::read(answer)?) });
    let handler = move |headers: HeaderMap, body: Bytes| {
        let state = Arc::clone(&state);
        async move { handle(&state, &headers, &body).await }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    announce(listener.local_addr()?.port());
    end_with_parent();
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, Router::new().fallback(handler)).await?;
    Ok(())
}

/// Whoever started this holds the other end of standard input: when it is gone, so is this.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
}

/// Tells the parent where this listens.
#[expect(clippy::print_stdout, reason = "the parent reads the port")]
pub fn announce(port: u16) {
    println!("listening on {port}");
}

async fn prepare(kind: Kind, message: &[u8], folder: PathBuf) -> anyhow::Result<Unavoidable> {
    let random = SystemRandom::new();
    Ok(match kind {
        Kind::SignEs256 => Unavoidable::SignEs256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?, random),
        Kind::SignRs256 => Unavoidable::SignRs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048)?), random),
        Kind::Rotate => Unavoidable::Durable(Durable::open(&folder.join("rotate.sqlite"), Work::Rotate).await?),
        Kind::Exchange => Unavoidable::Durable(Durable::open(&folder.join("exchange.sqlite"), Work::Exchange).await?),
        Kind::HashAndLook => Unavoidable::HashAndLook(RwLock::default()),
        Kind::VerifyEs256 => Unavoidable::VerifyEs256(Box::new(Signed::new(message)?)),
        Kind::Answer => Unavoidable::Answer,
        Kind::Listen => Unavoidable::Listen,
    })
}

async fn handle(state: &State, headers: &HeaderMap, body: &Bytes) -> Response {
    let done = match &state.unavoidable {
        Unavoidable::SignEs256(key, random) => key.sign(random, &state.message).is_ok(),
        Unavoidable::SignRs256(key, random) => {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, random, &state.message, &mut signature).is_ok()
        }
        Unavoidable::Durable(durable) => durable.work().await.is_ok(),
        Unavoidable::HashAndLook(cache) => hash_and_look(cache, body),
        Unavoidable::VerifyEs256(signed) => headers.contains_key(AUTHORIZATION) && signed.verify_next(&state.message),
        Unavoidable::Answer => true,
        Unavoidable::Listen => {
            let beginning = stream::iter([Ok::<_, Infallible>(state.answer.clone())]);
            let body = Body::from_stream(beginning.chain(stream::pending()));
            return ([(CONTENT_TYPE, "text/event-stream")], body).into_response();
        }
    };
    let status = if done { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, [(CONTENT_TYPE, "application/json")], state.answer.clone()).into_response()
}

/// Hashes what was sent and looks the hash up; the first time it is remembered.
fn hash_and_look(cache: &RwLock<HashMap<[u8; 32], u64>>, body: &Bytes) -> bool {
    let hash: [u8; 32] = Sha256::digest(body).into();
    let is_known = cache.read().is_ok_and(|cache| cache.contains_key(&hash));
    is_known || cache.write().is_ok_and(|mut cache| cache.insert(hash, 0).is_none())
}
