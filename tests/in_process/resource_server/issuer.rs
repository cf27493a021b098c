//! The issuer that tests play: as small as the resource server needs it, and as hostile as a test wants it.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::{Value, json};
use shared::{
    protocol::{
        event_poll::PollRequest,
        jwt::AssertionSigner,
        security_event::{Revocation, RevocationKind},
        security_event_token::{SECURITY_EVENT_TYP, security_event_claims},
    },
    random::SystemRandom,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};

/// The client that the resource server under test is.
pub const RECEIVER: &str = "resource-server";
/// The history of this issuer's change log.
pub const HISTORY: &str = "history";

const MACHINE_TOKEN: &str = "machine-token";

/// What the played issuer does and saw.
pub struct Play {
    pub url: String,
    pub signer: AssertionSigner,
    pub keys: Mutex<Vec<Value>>,
    pub keys_asked: AtomicUsize,
    pub keys_broken: AtomicBool,
    pub enrolment_refused: AtomicBool,
    pub enrolled: Mutex<Option<Value>>,
    pub token_forms: Mutex<Vec<HashMap<String, String>>>,
    revoked: Mutex<Vec<Revocation>>,
    pub feed_broken: AtomicBool,
    /// Answers in place of the true ones, first come first served.
    pub forged_answers: Mutex<VecDeque<Value>>,
    /// What was asked of the feed.
    pub polls: Mutex<Vec<PollRequest>>,
    changed: Notify,
    pub introspection: Mutex<Introspection>,
    pub introspected: AtomicUsize,
    /// How many questions about tokens waited for their answers, and how many of them at once at most.
    pub waiting: AtomicUsize,
    pub most_waiting: AtomicUsize,
    /// Closed, it answers the questions that are held.
    pub gate: Semaphore,
    /// What the last question about a token came with.
    pub introspection_headers: Mutex<HeaderMap>,
}

/// What introspection answers.
#[derive(Clone, Copy)]
pub enum Introspection {
    Active,
    Inactive,
    Broken,
    /// [`Introspection::Active`] when the gate is closed.
    Held,
}

/// Starts one on a port of its own; it lives as long as the runtime of the test.
pub async fn start() -> Arc<Play> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let signer = AssertionSigner::generate(&SystemRandom).expect("a key");
    let key = public_key(&signer);
    let play = Arc::new(Play {
        url: format!("http://{}", listener.local_addr().expect("an address")),
        signer,
        keys: Mutex::new(vec![key]),
        keys_asked: AtomicUsize::new(0),
        keys_broken: AtomicBool::new(false),
        enrolment_refused: AtomicBool::new(false),
        enrolled: Mutex::default(),
        token_forms: Mutex::default(),
        revoked: Mutex::default(),
        feed_broken: AtomicBool::new(false),
        forged_answers: Mutex::default(),
        polls: Mutex::default(),
        changed: Notify::new(),
        introspection: Mutex::new(Introspection::Active),
        introspected: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        most_waiting: AtomicUsize::new(0),
        gate: Semaphore::new(0),
        introspection_headers: Mutex::default(),
    });
    let router = Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/oauth2/token", post(token))
        .route("/oauth2/introspect", post(introspect))
        .route("/api/resources", put(enrol))
        .route("/api/events", post(events))
        .with_state(play.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    play
}

/// The public half as the issuer publishes it.
pub fn public_key(signer: &AssertionSigner) -> Value {
    let mut key = serde_json::to_value(signer.public_jwk()).expect("a JWK");
    key["kid"] = signer.public_jwk().kid().map_or(Value::Null, Value::from);
    key
}

impl Play {
    /// Revokes, and wakes whoever polls.
    pub fn revoke(&self, kind: RevocationKind, subject: &str, at: i64) {
        let mut revoked = self.revoked.lock().expect("unpoisoned");
        revoked.push(Revocation { kind, subject: subject.to_owned(), at });
        drop(revoked);
        self.changed.notify_waiters();
    }

    /// Breaks or mends the feed; polls that wait end at once.
    pub fn break_feed(&self, broken: bool) {
        self.feed_broken.store(broken, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Answers questions about tokens with this from now on.
    pub fn answer_introspection(&self, what: Introspection) {
        *self.introspection.lock().expect("unpoisoned") = what;
    }

    /// Answers the next poll with this; polls that wait end at once.
    pub fn answer_once(&self, answer: Value) {
        self.forged_answers.lock().expect("unpoisoned").push_back(answer);
        self.changed.notify_waiters();
    }

    /// The claims of a true event for the server under test.
    pub fn event_claims(&self, jti: &str, kind: RevocationKind, subject: &str, at: i64) -> Value {
        let revocation = Revocation { kind, subject: subject.to_owned(), at };
        security_event_claims(&self.url, RECEIVER, jti, &revocation).expect("claims")
    }

    /// An answer with these tokens by their `jti`.
    pub fn answer(sets: &[(&str, String)], more_available: bool, position: &str) -> Value {
        let sets: HashMap<_, _> = sets.iter().cloned().collect();
        json!({"sets": sets, "moreAvailable": more_available, "position": position})
    }

    fn after(&self, position: usize) -> Option<Value> {
        let revoked = self.revoked.lock().expect("unpoisoned");
        let sets: HashMap<String, String> = (position..revoked.len())
            .map(|index| {
                let (jti, event) = (format!("{HISTORY}.{}.x", index + 1), &revoked[index]);
                let claims = self.event_claims(&jti, event.kind, &event.subject, event.at);
                (jti, self.signer.sign_claims(SECURITY_EVENT_TYP, &claims).expect("a token"))
            })
            .collect();
        let end = format!("{HISTORY}.{}.x", revoked.len());
        (!sets.is_empty()).then(|| json!({"sets": sets, "moreAvailable": false, "position": end}))
    }
}

async fn jwks(State(play): State<Arc<Play>>) -> Response {
    play.keys_asked.fetch_add(1, Ordering::SeqCst);
    if play.keys_broken.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    Json(json!({"keys": *play.keys.lock().expect("unpoisoned")})).into_response()
}

async fn metadata(State(play): State<Arc<Play>>) -> Response {
    // Spaces and an unknown member: it must come through byte for byte.
    let text = format!("{{ \"issuer\": \"{0}\",\n \"token_endpoint\": \"{0}/oauth2/token\", \"x\": [1] }}", play.url);
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn token(State(play): State<Arc<Play>>, form: String) -> Response {
    play.token_forms.lock().expect("unpoisoned").push(members(&form));
    Json(json!({"access_token": MACHINE_TOKEN, "token_type": "Bearer", "expires_in": 900})).into_response()
}

async fn introspect(State(play): State<Arc<Play>>, headers: HeaderMap, form: String) -> Response {
    *play.introspection_headers.lock().expect("unpoisoned") = headers;
    let form = members(&form);
    assert!(form.contains_key("client_assertion") && form.contains_key("token"));
    play.introspected.fetch_add(1, Ordering::SeqCst);
    let answer = *play.introspection.lock().expect("unpoisoned");
    match answer {
        Introspection::Active => Json(json!({"active": true})).into_response(),
        Introspection::Inactive => Json(json!({"active": false})).into_response(),
        Introspection::Broken => StatusCode::BAD_GATEWAY.into_response(),
        Introspection::Held => {
            let waiting = play.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            play.most_waiting.fetch_max(waiting, Ordering::SeqCst);
            let _closed = play.gate.acquire().await;
            play.waiting.fetch_sub(1, Ordering::SeqCst);
            Json(json!({"active": true})).into_response()
        }
    }
}

async fn enrol(State(play): State<Arc<Play>>, headers: HeaderMap, Json(document): Json<Value>) -> Response {
    if play.enrolment_refused.load(Ordering::SeqCst) || !authorized(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    *play.enrolled.lock().expect("unpoisoned") = Some(document.clone());
    Json(document).into_response()
}

async fn events(State(play): State<Arc<Play>>, headers: HeaderMap, Json(request): Json<PollRequest>) -> Response {
    if !authorized(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let after = request.after.clone().unwrap_or_default();
    let position = after.split('.').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let wait = Duration::from_secs(if request.return_immediately { 0 } else { 15 });
    play.polls.lock().expect("unpoisoned").push(request);
    let woken = play.changed.notified();
    tokio::pin!(woken);
    woken.as_mut().enable();
    for waited in [false, true] {
        if waited {
            let _ = tokio::time::timeout(wait, woken.as_mut()).await;
        }
        if play.feed_broken.load(Ordering::SeqCst) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        if let Some(forged) = play.forged_answers.lock().expect("unpoisoned").pop_front() {
            return Json(forged).into_response();
        }
        if let Some(news) = play.after(position) {
            return Json(news).into_response();
        }
    }
    Json(Play::answer(&[], false, &format!("{HISTORY}.{position}.x"))).into_response()
}

fn members(form: &str) -> HashMap<String, String> {
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

fn authorized(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == format!("Bearer {MACHINE_TOKEN}").as_str())
}
