//! The official MCP conformance suite for MCP servers, through everything that stands in front of a tool: its requests reach a resource server of
//! ours whose upstream has the tools that the suite asks for. The suite knows no authorization, so what listens puts a token of the running
//! authorization server beside each request; `Host` and `Origin` stay as they were sent.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use axum::{Router, extract::Request, http::HeaderValue, http::header::AUTHORIZATION, middleware, middleware::Next};
use serde_json::{Value, json};
use shared::http::serve;
use system_tests::{
    conformance_server::{ConformanceServer, tools},
    postern::Home,
    resource_server::{Enrolled, Unserved},
    script::Script,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Scenarios of the stateless revision that no revision requires yet.
const HEADERS_AND_SCHEMAS: [&str; 3] =
    ["http-header-validation", "http-custom-header-server-validation", "json-schema-2020-12"];
/// Those that need sessions.
const SESSIONS: [&str; 3] = ["server-session-lifecycle", "server-sse-polling", "json-schema-2020-12"];
/// What a server without sessions cannot do for clients of the older revisions: ask them something; nor has the scenario about several
/// streams of one session anything to look at.
const NEED_SESSIONS: [&str; 5] = [
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "server-sse-multiple-streams",
    "tools-call-elicitation",
    "tools-call-sampling",
];

/// A resource server that the suite can reach.
struct Conforming {
    url: String,
    _stop: DropGuard,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Puts the token beside a request, once there is one.
async fn with_token(token: Arc<OnceLock<HeaderValue>>, mut request: Request, next: Next) -> axum::response::Response {
    if let Some(token) = token.get() {
        request.headers_mut().insert(AUTHORIZATION, token.clone());
    }
    next.run(request).await
}

impl Conforming {
    /// One with these further settings, enrolled at the authorization server of `home`.
    async fn start(home: &Home, name: &str, further: &str) -> anyhow::Result<Self> {
        let enrolled = Enrolled::at(home, name, &format!("requests_per_minute = 100000\n{further}")).await?;
        let stop = CancellationToken::new();
        let token = Arc::new(OnceLock::new());
        let Unserved { listeners, router, cap } =
            enrolled.around(ConformanceServer::default(), &tools(), stop.clone()).await?;
        let beside = token.clone();
        let router: Router = router
            .layer(middleware::from_fn(move |request: Request, next: Next| with_token(beside.clone(), request, next)));
        tokio::spawn(serve(listeners, router, cap, stop.clone()));
        let server = Self { url: enrolled.mcp_url(), _stop: stop.drop_guard() };
        enrolled.wait_until_ready().await?;
        let bearer = format!("Bearer {}", machine_token(home, name, &server.url).await?);
        token.set(HeaderValue::from_str(&bearer)?).ok().context("the token is set once")?;
        Ok(server)
    }

    /// Runs the suite and returns what each run reported.
    async fn check(&self, runs: &[Value]) -> anyhow::Result<Vec<Value>> {
        let mut script = Script::start("server_conformance", &json!({"url": self.url, "runs": runs}))?;
        let mut reports = Vec::new();
        for _ in runs {
            reports.push(script.step("checked").await?);
        }
        script.step("done").await?;
        Ok(reports)
    }
}

/// A token for `resource` from the authorization server, as any machine gets one.
pub async fn machine_token(home: &Home, name: &str, resource: &str) -> anyhow::Result<String> {
    let arguments =
        ["client", "add", name, "--grant", "client_credentials", "--scope", "mcp.read", "--resource", resource];
    let client = home.json(&arguments).await?;
    let form = [("grant_type", "client_credentials"), ("resource", resource)];
    let answer = reqwest::Client::new()
        .post(format!("{}/oauth2/token", home.issuer()))
        .basic_auth(text(&client["client_id"]), Some(text(&client["client_secret"])))
        .form(&form)
        .send()
        .await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    Ok(text(&answer["access_token"]))
}

fn checks(report: &Value) -> impl Iterator<Item = &Value> {
    report["checks"].as_array().into_iter().flatten()
}

/// Whether a folder of results is that of a scenario: `server-NAME-TIME`.
fn is_of(check: &Value, scenario: &str) -> bool {
    let folder = check["report"].as_str().unwrap_or_default();
    let rest = folder.strip_prefix("server-").and_then(|rest| rest.strip_prefix(scenario));
    rest.is_some_and(|rest| rest.strip_prefix('-').is_some_and(|time| time.starts_with(|c: char| c.is_ascii_digit())))
}

/// The scenarios that failed or checked nothing.
fn failed(report: &Value) -> Vec<String> {
    let required = report["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let failed = required.filter(|scenario| {
        let mut own = checks(report).filter(|check| is_of(check, scenario)).peekable();
        own.peek().is_none() || own.any(|check| check["status"] == "FAILURE") || !ran(report, scenario)
    });
    let mut failed: Vec<String> = failed.map(str::to_owned).collect();
    failed.sort();
    failed
}

/// A scenario that only reports that it does not apply has shown nothing.
fn ran(report: &Value, scenario: &str) -> bool {
    checks(report).filter(|check| is_of(check, scenario)).any(|check| check["status"] == "SUCCESS")
}

/// What there is to say about a failure.
fn complaints(report: &Value) -> String {
    let bad = checks(report)
        .filter(|check| !["SUCCESS", "INFO", "SKIPPED"].contains(&check["status"].as_str().unwrap_or("")));
    let lines: Vec<String> = bad.map(Value::to_string).collect();
    format!("{}\n{}", lines.join("\n"), report["printed"].as_str().unwrap_or_default())
}

fn successes(report: &Value) -> usize {
    checks(report).filter(|check| check["status"] == "SUCCESS").count()
}

fn required(revision: &str) -> Value {
    json!({"revision": revision})
}

fn alone(scenario: &str, revision: &str) -> Value {
    json!({"revision": revision, "scenario": scenario})
}

fn assert_conforms(report: &Value, scenarios: usize) {
    let name = format!("{} {}", report["revision"], report["scenario"]);
    assert_eq!(report["required"].as_array().map(Vec::len), Some(scenarios), "{name}");
    assert_eq!(failed(report), Vec::<String>::new(), "{name}: {}", complaints(report));
    assert_eq!(report["status"], 0, "{name}: {}", complaints(report));
    assert!(successes(report) >= scenarios, "{name}: {report}");
}

#[tokio::test]
async fn without_sessions_both_eras_conform_but_for_questions_to_clients() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    let server = Conforming::start(&home, "stateless", "").await?;
    let mut runs = vec![required("2026-07-28"), required("2025-11-25")];
    runs.extend(HEADERS_AND_SCHEMAS.map(|scenario| alone(scenario, "2026-07-28")));
    let reports = server.check(&runs).await?;
    assert_conforms(&reports[0], 37);
    assert_eq!(failed(&reports[1]), NEED_SESSIONS, "{}", complaints(&reports[1]));
    for report in &reports[2..] {
        assert_conforms(report, 1);
    }
    Ok(())
}

#[tokio::test]
async fn with_sessions_all_of_both_eras_conforms() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    let server = Conforming::start(&home, "sessions", "legacy_sessions = true").await?;
    let mut runs = vec![required("2025-11-25"), required("2026-07-28")];
    runs.extend(SESSIONS.map(|scenario| alone(scenario, "2025-11-25")));
    let reports = server.check(&runs).await?;
    assert_conforms(&reports[0], 30);
    assert_conforms(&reports[1], 37);
    for report in &reports[2..] {
        assert_conforms(report, 1);
    }
    Ok(())
}

/// The suite would tell: a server that refuses every token conforms to nothing.
#[tokio::test]
async fn a_failing_server_is_seen() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    let server = Conforming { url: home.mcp_url(), _stop: CancellationToken::new().drop_guard() };
    let reports = server.check(&[alone("tools-list", "2026-07-28"), alone("no-such-scenario", "2026-07-28")]).await?;
    assert_eq!(failed(&reports[0]), ["tools-list"], "{}", reports[0]);
    assert_eq!(failed(&reports[1]), ["no-such-scenario"], "{}", reports[1]);
    assert!(reports.iter().all(|report| report["status"] != 0), "{reports:?}");
    Ok(())
}
