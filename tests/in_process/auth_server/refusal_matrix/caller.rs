//! Who calls in the matrix, and what everything that is answered must look like.

use super::rows::{Proof, Reads, Row, Speaks};
use crate::auth_server::{
    Answer, TestServer,
    given::{Given, SECRET, VERIFIER, basic, confidential_client},
};
use axum::{body::Body, extract::Request};
use serde_json::json;

/// What an attacker would like to see again: a tag, a line of a header, and a word that nothing else has. It is long, because answers are full of
/// random ids, and three letters come about in one of some thousands.
pub const MARKER: &str = "zq9mark\"><script>zq9mark\r\nx-zq9mark: 1";
/// That word.
const WORD: &str = "zq9mark";
/// The same, as it stands in a URL or a form.
pub const ENCODED_MARKER: &str = "zq9mark%22%3E%3Cscript%3Ezq9mark%0D%0Ax-zq9mark%3A%201";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A server with everybody that rows need.
pub struct Caller {
    pub server: TestServer,
    resource_server: String,
    person: String,
    registration: (String, String),
}

impl Caller {
    pub async fn new() -> Self {
        let server = TestServer::start_with("public_url = \"https://auth.example/t\"").await.and_app().await;
        server.add_client(&confidential_client("web")).await;
        let code = server.give(&Given { client: "web", scope: "mcp.read openid", ..Given::USUAL }).await;
        let form = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", VERIFIER)];
        let person = server.post_form_as("/token", &basic("web", SECRET), &form).await.text("access_token");
        let registered = server.post_json("/register", &json!({ "redirect_uris": ["https://a.example/"] })).await;
        let registration = (registered.text("client_id"), registered.text("registration_access_token"));
        let resource_server = machine_token(&server).await;
        Self { server, resource_server, person, registration }
    }

    /// The row's path with real ids in it.
    pub fn path(&self, row: &Row) -> String {
        row.path.replace("{client_id}", &self.registration.0).replace("{link}", "x").replace("{name}", "x")
    }

    /// Sends a request to a row's route, proven if `proven`.
    pub async fn send(&self, row: &Row, method: &str, query: &str, body: Sent, proven: bool) -> Answer {
        let path = match query {
            "" => self.path(row),
            query => format!("{}?{query}", self.path(row)),
        };
        let mut request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin");
        if let Some(authorization) = self.authorization(row.proof).filter(|_| proven) {
            request = request.header("authorization", authorization);
        }
        let content_type = match (body.content_type, row.reads) {
            (Some(other), _) => Some(other),
            (None, Reads::Form) => Some(FORM),
            (None, Reads::Json) => Some(JSON),
            (None, Reads::Nothing | Reads::Query) => None,
        };
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        self.server.send(request.body(Body::from(body.bytes)).expect("a request")).await
    }

    fn authorization(&self, proof: Proof) -> Option<String> {
        Some(match proof {
            Proof::None => return None,
            Proof::Client => basic("web", SECRET),
            Proof::ResourceServer => format!("Bearer {}", self.resource_server),
            Proof::Person => format!("Bearer {}", self.person),
            Proof::Registration => format!("Bearer {}", self.registration.1),
        })
    }
}

/// As [`TestServer::machine_token`], for an issuer with a path.
async fn machine_token(server: &TestServer) -> String {
    let key = crate::auth_server::test_server::resource_server_key_of_this_run();
    let (now, random) = (shared::clock::Clock::now(&*server.clock), shared::random::SystemRandom);
    let id = crate::auth_server::test_server::RESOURCE_SERVER;
    let assertion = key.sign(id, &server.app.issuer, now, &random).expect("an assertion");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", shared::protocol::jwt::CLIENT_ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
        ("resource", "https://auth.example/t/api"),
    ];
    server.post_form("/token", &form).await.text("access_token")
}

/// What is sent as the body.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub content_type: Option<&'static str>,
    pub bytes: Vec<u8>,
}

impl Sent {
    /// These bytes, as the content type that the route reads.
    pub fn of(bytes: impl Into<Vec<u8>>) -> Self {
        Self { content_type: None, bytes: bytes.into() }
    }

    /// These bytes under another content type.
    pub fn typed(content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { content_type: Some(content_type), bytes: bytes.into() }
    }
}

/// What is wrong with how an answer looks, whatever it says.
pub fn faults(row: &Row, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let mut want = |ok: bool, what: &str| {
        if !ok {
            found.push(format!("{what}: {answer:?}"));
        }
    };
    want(answer.header("x-content-type-options") == "nosniff", "nosniff");
    want(answer.header("x-frame-options") == "DENY", "x-frame-options");
    want(["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")), "referrer-policy");
    want(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "content-security-policy");
    want(answer.header("strict-transport-security").contains("max-age"), "strict-transport-security");
    want(!answer.header("x-request-id").is_empty(), "x-request-id");
    want(answer.header("server").is_empty() && answer.header("x-powered-by").is_empty(), "says what it runs on");
    let is_kept = row.speaks == Speaks::Files && answer.status == 200;
    want(is_kept || answer.header("cache-control") == "no-store" || answer.status == 204, "no-store");
    let origin = answer.header("access-control-allow-origin");
    want(if row.public { origin == "*" } else { origin.is_empty() }, "access-control-allow-origin");
    want(answer.header("access-control-allow-credentials").is_empty(), "credentials");
    want(!answer.body.contains(WORD), "the body repeats what was sent");
    want(!answer.headers.iter().any(|(name, value)| is_marked(name.as_str(), value.as_bytes())), "a header repeats it");
    want(answer.status != 500, "it fell over");
    found
}

fn is_marked(name: &str, value: &[u8]) -> bool {
    name.contains(WORD) || value.windows(WORD.len()).any(|part| part == WORD.as_bytes())
}

/// What is wrong with a refusal of `status`.
pub fn refusal_faults(row: &Row, answer: &Answer, status: u16) -> Vec<String> {
    let mut found = faults(row, answer);
    if answer.status != status {
        found.push(format!("{status} was due: {answer:?}"));
        return found;
    }
    let is_page = row.speaks == Speaks::Pages && ![404, 405].contains(&status);
    let content_type = answer.header("content-type");
    let right = if is_page {
        content_type == "text/html; charset=utf-8" && answer.body.contains("<h1")
    } else {
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let says = |code: &str, why: &str| body[code].is_string() && body[why].is_string();
        // The second is how RFC 8936 §2.6 has it.
        content_type == JSON && (says("error", "error_description") || says("err", "description"))
    };
    if !right {
        found.push(format!("neither a page nor an OAuth error: {answer:?}"));
    }
    found
}
