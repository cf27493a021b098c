//! An authorization server of somebody else, as the tests play it: Keycloak-like documents, and as hostile as a test wants it.

use super::issuer::public_key;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, StatusCode, header},
    routing::{get, post},
};
use serde_json::{Value, json};
use shared::{protocol::jwt::AssertionSigner, random::SystemRandom};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// What is to be answered in place of the truth.
#[derive(Debug, Clone)]
pub enum Instead {
    /// The truth.
    Nothing,
    /// This status, with a body of no meaning.
    Status(StatusCode),
    /// This text with 200.
    Text(String),
    /// A redirect to there.
    Redirect(String),
    /// Nothing at all, ever.
    Silence,
    /// The truth as it was when it was asked for, once the gate is opened.
    Late(Arc<Notify>),
}

/// What one address does and saw.
pub struct Place {
    pub asked: AtomicUsize,
    instead: Mutex<Instead>,
}

impl Place {
    fn new() -> Self {
        Self { asked: AtomicUsize::new(0), instead: Mutex::new(Instead::Nothing) }
    }

    pub fn answer(&self, instead: Instead) {
        *self.instead.lock().expect("unpoisoned") = instead;
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn or(&self, truth: impl FnOnce() -> Response<Body>) -> Response<Body> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let instead = self.instead.lock().expect("unpoisoned").clone();
        let with = |status: StatusCode, body: String| {
            let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
            response.body(Body::from(body)).expect("a response")
        };
        match instead {
            Instead::Nothing => truth(),
            Instead::Status(status) => with(status, "{\"error\":\"played\"}".to_owned()),
            Instead::Text(text) => with(StatusCode::OK, text),
            Instead::Redirect(target) => {
                let response = Response::builder().status(StatusCode::FOUND).header(header::LOCATION, target);
                response.body(Body::empty()).expect("a response")
            }
            Instead::Silence => std::future::pending().await,
            Instead::Late(gate) => {
                let answer = truth();
                gate.notified().await;
                answer
            }
        }
    }
}

/// The issuer.
pub struct Foreign {
    /// With a path, as Keycloak's are.
    pub issuer: String,
    pub signer: AssertionSigner,
    pub keys: Mutex<Vec<Value>>,
    /// Sent with the keys.
    pub etag: Mutex<Option<String>>,
    /// How often the keys were not modified.
    pub unmodified: AtomicUsize,
    pub metadata: Place,
    pub jwks: Place,
    pub introspection: Place,
    /// What it says of opaque tokens.
    pub tokens: Mutex<HashMap<String, Value>>,
    /// How it was asked: the `Authorization` header and the form.
    pub questions: Mutex<Vec<(String, HashMap<String, String>)>>,
    /// What came with the last of them.
    pub last_headers: Mutex<HeaderMap>,
}

/// Starts one on a port of its own; it lives as long as the runtime of the test.
pub async fn start() -> Arc<Foreign> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let signer = AssertionSigner::generate(&SystemRandom).expect("a key");
    let foreign = Arc::new(Foreign {
        issuer: format!("http://{}/realms/main", listener.local_addr().expect("an address")),
        keys: Mutex::new(vec![public_key(&signer)]),
        signer,
        etag: Mutex::default(),
        unmodified: AtomicUsize::new(0),
        metadata: Place::new(),
        jwks: Place::new(),
        introspection: Place::new(),
        tokens: Mutex::default(),
        questions: Mutex::default(),
        last_headers: Mutex::default(),
    });
    let router = Router::new()
        .route("/realms/main/.well-known/openid-configuration", get(metadata))
        .route("/realms/main/protocol/openid-connect/certs", get(jwks))
        .route("/realms/main/protocol/openid-connect/token/introspect", post(introspect))
        .with_state(foreign.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    foreign
}

impl Foreign {
    /// Its document.
    pub fn document(&self) -> Value {
        let protocol = format!("{}/protocol/openid-connect", self.issuer);
        json!({
            "issuer": self.issuer, "authorization_endpoint": format!("{protocol}/auth"),
            "token_endpoint": format!("{protocol}/token"), "jwks_uri": format!("{protocol}/certs"),
            "introspection_endpoint": format!("{protocol}/token/introspect"),
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        })
    }

    /// A table that trusts it, with `more` lines.
    pub fn trusted(&self, more: &str) -> String {
        format!("[[resource_server.trusted_issuers]]\nissuer = \"{}\"\n{more}\n", self.issuer)
    }

    /// The claims of a good token of ann's for `resource`.
    pub fn claims(&self, resource: &str, now: i64) -> Value {
        json!({
            "iss": self.issuer, "sub": "ann", "aud": [resource, "account"], "exp": now + 900, "iat": now,
            "jti": "jti-1", "client_id": "client", "scope": "mcp.read",
        })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.signer.sign_claims("at+jwt", claims).expect("a token")
    }

    /// Knows an opaque token from now on.
    pub fn know(&self, token: &str, claims: &Value) {
        let mut answer = claims.clone();
        answer["active"] = json!(true);
        self.tokens.lock().expect("unpoisoned").insert(token.to_owned(), answer);
    }

    /// Knows it no more.
    pub fn forget(&self, token: &str) {
        self.tokens.lock().expect("unpoisoned").remove(token);
    }
}

fn json_response(value: &Value) -> Response<Body> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    response.body(Body::from(value.to_string())).expect("a response")
}

async fn metadata(State(foreign): State<Arc<Foreign>>) -> Response<Body> {
    foreign.metadata.or(|| json_response(&foreign.document())).await
}

async fn jwks(State(foreign): State<Arc<Foreign>>, headers: HeaderMap) -> Response<Body> {
    let etag = foreign.etag.lock().expect("unpoisoned").clone();
    let truth = || {
        let same =
            etag.as_ref().is_some_and(|etag| headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent == etag));
        let keys = foreign.keys.lock().expect("unpoisoned").clone();
        let mut response = json_response(&json!({ "keys": keys }));
        if same {
            foreign.unmodified.fetch_add(1, Ordering::SeqCst);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
        }
        if let Some(etag) = &etag {
            response.headers_mut().insert(header::ETAG, etag.parse().expect("a header"));
        }
        response
    };
    foreign.jwks.or(truth).await
}

async fn introspect(State(foreign): State<Arc<Foreign>>, headers: HeaderMap, form: String) -> Response<Body> {
    let form: HashMap<String, String> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let authorization = headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().expect("ASCII"));
    let token = form.get("token").cloned().unwrap_or_default();
    foreign.questions.lock().expect("unpoisoned").push((authorization.to_owned(), form));
    *foreign.last_headers.lock().expect("unpoisoned") = headers;
    let truth = || {
        let tokens = foreign.tokens.lock().expect("unpoisoned");
        json_response(tokens.get(&token).unwrap_or(&json!({"active": false})))
    };
    foreign.introspection.or(truth).await
}
