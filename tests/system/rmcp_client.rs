//! The official Rust client, against the release binary, with a person who fills in the real pages: it reacts to challenges, refreshes and
//! steps up by itself.

use anyhow::{Context, bail};
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, CallToolResult, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService, ServiceError},
    transport::{
        StreamableHttpClientTransport,
        auth::{AuthClient, AuthorizationManager, AuthorizationRequest, OAuthState},
        streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError},
    },
};
use serde_json::json;
use std::{error::Error, time::Duration};
use system_tests::{person::Person, poll::until, postern::Home};

const EMAIL: &str = "barbara@example.com";
const PASSWORD: &str = "what may be put in the place of what";
const REDIRECT_URI: &str = "http://127.0.0.1:1/callback";
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

type Client = AuthClient<reqwest::Client>;
type Service = RunningService<RoleClient, ()>;

/// The challenge that an error of rmcp carries.
fn challenge(error: &(dyn Error + 'static)) -> Option<String> {
    let of_this = error.downcast_ref::<StreamableHttpError<reqwest::Error>>().and_then(|error| error.auth_challenge());
    of_this.map(str::to_owned).or_else(|| error.source().and_then(challenge))
}

fn challenge_of_call(answer: Result<CallToolResult, ServiceError>) -> anyhow::Result<String> {
    match answer {
        Err(ServiceError::TransportSend(error)) => {
            challenge(&*error.error).with_context(|| format!("no challenge in {error:?}"))
        }
        other => bail!("a call that needs more was answered {other:?}"),
    }
}

async fn connect(home: &Home, client: &Client, lifecycle: &ClientLifecycleMode) -> anyhow::Result<Service> {
    let config = StreamableHttpClientTransportConfig::with_uri(home.mcp_url());
    let transport = StreamableHttpClientTransport::with_client(client.clone(), config);
    Ok(().serve_with_lifecycle(transport, lifecycle.clone()).await?)
}

async fn call(service: &Service, tool: &'static str) -> Result<CallToolResult, ServiceError> {
    let arguments = if tool == "create_event" { json!({"title": "Launch"}) } else { json!({}) };
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    service.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await
}

/// Discovery from the challenge, registration, and the person's sign-in.
async fn authorize(home: &Home, person: &mut Person) -> anyhow::Result<Client> {
    let mut state = OAuthState::Unauthorized(AuthorizationManager::new(home.mcp_url()).await?);
    let refused = reqwest::Client::new().post(home.mcp_url()).body("{}").send().await?;
    let challenge = refused.headers()[reqwest::header::WWW_AUTHENTICATE].to_str()?.to_owned();
    let request = AuthorizationRequest::new(REDIRECT_URI)
        .with_client_name("Rust test client")
        .with_challenge(challenge)
        .with_initial_scope_selection();
    state.start_authorization(request).await?;
    let callback = person.allow(&state.get_authorization_url().await?, REDIRECT_URI).await?;
    state.handle_callback_url(callback.as_str()).await?;
    let manager = state.into_authorization_manager().context("no manager after the authorization")?;
    Ok(AuthClient::new(reqwest::Client::new(), manager))
}

/// The person is sent once more, for what the challenge names beside what is held.
async fn step_up(client: &Client, challenge: &str, person: &mut Person) -> anyhow::Result<()> {
    let needed = challenge.split("scope=\"").nth(1).and_then(|rest| rest.split('"').next()).context("no scope")?;
    let manager = client.auth_manager.lock().await;
    let callback = person.allow(&manager.request_scope_upgrade(needed).await?, REDIRECT_URI).await?;
    let parameter = |name: &str| {
        let found = callback.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        found.with_context(|| format!("no {name} in {callback}"))
    };
    let (code, state, issuer) = (parameter("code")?, parameter("state")?, parameter("iss")?);
    manager.exchange_code_for_token_with_issuer(&code, &state, Some(&issuer)).await?;
    Ok(())
}

async fn main_job(home: Home, lifecycle: ClientLifecycleMode) -> anyhow::Result<()> {
    let _postern = home.start().await?;
    home.add_administrator(EMAIL, PASSWORD).await?;
    let mut person = Person::new(EMAIL, PASSWORD)?;
    let client = authorize(&home, &mut person).await?;
    let service = connect(&home, &client, &lifecycle).await?;
    let names: Vec<_> = service.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["clear_events", "create_event", "list_events", "whoami"]);
    let (client_id, _) = client.auth_manager.lock().await.get_credentials().await?;
    let whoami = call(&service, "whoami").await?.structured_content.unwrap_or_default();
    assert_eq!(whoami["client_id"], json!(client_id), "{whoami}");

    let before = client.get_access_token().await?;
    client.auth_manager.lock().await.refresh_token().await?;
    assert_ne!(client.get_access_token().await?, before);
    assert_ne!(call(&service, "whoami").await?.is_error, Some(true));

    let challenge = challenge_of_call(call(&service, "create_event").await)?;
    assert!(challenge.contains("insufficient_scope") && challenge.contains("mcp.write"), "{challenge}");
    step_up(&client, &challenge, &mut person).await?;
    let service = connect(&home, &client, &lifecycle).await?;
    let created = call(&service, "create_event").await?.structured_content.unwrap_or_default();
    assert_eq!(created["event"]["title"], "Launch", "{created}");

    home.revoke_grants_of(&client_id).await?;
    let challenge = until("a revoked grant is refused", REVOKED_WITHIN, || async {
        challenge_of_call(call(&service, "whoami").await).ok()
    });
    let challenge = challenge.await?;
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    Ok(())
}

#[tokio::test]
async fn the_main_job_of_the_rust_client() -> anyhow::Result<()> {
    let preferred_versions = vec![ProtocolVersion::LATEST];
    main_job(Home::new()?, ClientLifecycleMode::Discover { preferred_versions }).await
}

#[tokio::test]
async fn the_main_job_of_the_rust_client_at_a_root_resource() -> anyhow::Result<()> {
    main_job(Home::with_mcp_path("/")?, ClientLifecycleMode::Initialize).await
}
