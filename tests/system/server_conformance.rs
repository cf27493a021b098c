//! The official MCP conformance suite for MCP servers, through everything that stands in front of a tool: its requests reach a resource server of
//! ours whose upstream has the tools that the suite asks for. The suite knows no authorization, so what listens puts a token of the running
//! authorization server beside each request; `Host` and `Origin` stay as they were sent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::{Router, extract::Request, http::HeaderValue, http::header::AUTHORIZATION, middleware, middleware::Next};
use resource_server::{
    app::{Parts, build_around, open_store},
    config::Settings,
    issuer::machine_token::EnrolledIdentity,
    mcp::host_and_origin::HostAndOrigin,
    upstreams::rmcp_upstream::{RmcpLimits, RmcpUpstream},
};
use serde_json::{Value, json};
use shared::{
    clock::SystemClock,
    config::Sources,
    http::{ConnectionCap, bind, serve},
    protocol::{jwt::AssertionSigner, resource_document::ResourceScope},
    random::SystemRandom,
    trace::Tracer,
};
use system_tests::{
    conformance_server::{ConformanceServer, tools},
    poll::until,
    postern::{Home, free_port},
    script::Script,
};
use tokio_util::sync::{CancellationToken, DropGuard};

const READY_WITHIN: Duration = Duration::from_secs(20);
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
        shared::protocol::jwt::install_stock_provider();
        let port = free_port()?;
        let origin = format!("http://localhost:{port}");
        let key_file = home.folder().join(format!("{name}.key"));
        let key_file_text = key_file.display().to_string();
        let enrolled =
            home.json(&["resource-server", "add", name, "--origin", &origin, "--key-file", &key_file_text]).await?;
        let issuer = home.issuer();
        let data = home.folder().join(name);
        let settings = format!(
            "[shared]\ndata_dir = {data:?}\n[resource_server]\npublic_url = {origin:?}\nissuer = {issuer:?}\n\
             listen = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\nrequests_per_minute = 100000\n{further}\n"
        );
        let settings = Settings::load(&Sources::new().with_file_text("conforming", &settings)?)?;
        let signer = Arc::new(AssertionSigner::from_pkcs8_pem(&std::fs::read_to_string(key_file)?)?);
        let identity = EnrolledIdentity { client_id: text(&enrolled["client_id"]), signer };
        let stop = CancellationToken::new();
        let token = Arc::new(OnceLock::new());
        serve_fixture(settings, identity, token.clone(), stop.clone()).await?;
        let url = format!("{origin}/mcp");
        let server = Self { url, _stop: stop.drop_guard() };
        server.wait_until_ready(&origin).await?;
        let bearer = format!("Bearer {}", machine_token(home, name, &server.url).await?);
        token.set(HeaderValue::from_str(&bearer)?).ok().context("the token is set once")?;
        Ok(server)
    }

    async fn wait_until_ready(&self, origin: &str) -> anyhow::Result<()> {
        let ready =
            || async { reqwest::get(format!("{origin}/readyz")).await.ok()?.status().is_success().then_some(()) };
        until("the resource server is ready", READY_WITHIN, ready).await
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

/// Our library as a server of its own, around the suite's tools.
async fn serve_fixture(
    settings: Settings,
    identity: EnrolledIdentity,
    token: Arc<OnceLock<HeaderValue>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let own = &settings.resource_server;
    let allowed = HostAndOrigin::new(&own.public_url, &[], &[]).map_err(anyhow::Error::msg)?;
    let limits = RmcpLimits::new(own, &allowed);
    let tools = tools();
    let scope = ResourceScope {
        name: "mcp.read".to_owned(),
        description: "Run the suite".to_owned(),
        implies: vec![],
        roles: vec!["member".to_owned()],
        tools: tools.iter().map(|tool| tool.name.to_string()).collect(),
    };
    let upstream = RmcpUpstream::new(ConformanceServer::default(), &tools, &limits, stop.child_token());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let store = open_store(&settings, random.as_ref()).await?;
    let (listeners, cap) = (bind(&own.listen)?, ConnectionCap::of(&settings.shared));
    let parts = Parts {
        settings,
        store,
        clock,
        random,
        identity: Some(identity),
        stop: stop.clone(),
        tracer: Tracer::default(),
    };
    let (router, _follower) = build_around(Arc::new(upstream), vec![scope], parts)?.start();
    let router: Router =
        router.layer(middleware::from_fn(move |request: Request, next: Next| with_token(token.clone(), request, next)));
    tokio::spawn(serve(listeners, router, cap, stop));
    Ok(())
}

/// A token for `resource` from the authorization server, as any machine gets one.
async fn machine_token(home: &Home, name: &str, resource: &str) -> anyhow::Result<String> {
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
