//! `resource list` and `set`.

use super::{CommandError, Format, keys::parse_algorithm, manager::Manager, output::Columns};
use crate::{
    audit::Actor,
    resources::{
        Resource,
        set_resource_tokens::{TokenChoice, set_resource_tokens},
    },
    store,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::protocol::{access_token_claims::ACCESS_TOKEN_TTL_SECONDS, token_algorithm::TokenAlgorithm};
use std::io::Write;

/// What can be done with resources.
#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// List what resource servers registered.
    #[command(after_help = "Example:\n  postern resource list")]
    List(Format),
    /// Say how the access tokens of a resource are signed, and how long they live, whatever its resource server registers.
    #[command(
        after_help = "Examples:\n  postern resource set https://mcp.example.com/mcp --algorithm RS256 --access-token-ttl-seconds 300\n  postern resource set https://mcp.example.com/mcp --as-registered"
    )]
    Set(SetArguments),
}

/// Which resource, and what of it.
#[derive(Debug, Args)]
pub struct SetArguments {
    /// The resource, as `resource list` shows it.
    pub resource: String,
    /// ES256, or RS256 for verifiers that know nothing else.
    #[arg(long, value_name = "ALGORITHM", value_parser = parse_algorithm)]
    pub algorithm: Option<TokenAlgorithm>,
    /// How long its access tokens live.
    #[arg(long, value_name = "SECONDS", help = format!("How long its access tokens live, from {} to {}", ACCESS_TOKEN_TTL_SECONDS.start(), ACCESS_TOKEN_TTL_SECONDS.end()))]
    pub access_token_ttl_seconds: Option<i64>,
    /// Forget what was set before: what the resource server registers counts again.
    #[arg(long)]
    pub as_registered: bool,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

#[derive(Serialize)]
struct Line {
    resource: String,
    name: String,
    scopes: Vec<String>,
    algorithm: TokenAlgorithm,
    access_token_ttl_seconds: i64,
    registered_by: String,
}

impl Line {
    fn of(resource: Resource, manager: &Manager) -> Self {
        let usual = manager.settings.auth_server.access_token_lifetime.seconds();
        Self {
            scopes: resource.scopes.iter().map(|scope| scope.name.clone()).collect(),
            resource: resource.id,
            name: resource.name,
            algorithm: resource.algorithm,
            access_token_ttl_seconds: resource.access_token_ttl_seconds.unwrap_or(usual),
            registered_by: resource.owner_client_id,
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] =
        &["RESOURCE", "NAME", "SCOPES", "ALGORITHM", "TOKEN SECONDS", "REGISTERED BY"];

    fn columns(&self) -> Vec<String> {
        vec![
            self.resource.clone(),
            self.name.clone(),
            self.scopes.join(" "),
            self.algorithm.to_string(),
            self.access_token_ttl_seconds.to_string(),
            self.registered_by.clone(),
        ]
    }
}

pub(super) async fn execute(
    command: ResourceCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        ResourceCommand::List(format) => {
            let resources = store::resource::list(&mut manager.store.read()).await?;
            let lines: Vec<Line> = resources.into_iter().map(|resource| Line::of(resource, manager)).collect();
            format.list(&lines, output)
        }
        ResourceCommand::Set(arguments) => set(&arguments, manager, output).await,
    }
}

async fn set(arguments: &SetArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let SetArguments { algorithm, access_token_ttl_seconds, as_registered, .. } = *arguments;
    let choice = TokenChoice { as_registered, algorithm, access_token_ttl_seconds };
    if choice == TokenChoice::default() {
        return Err(CommandError::refused("say --algorithm, --access-token-ttl-seconds or --as-registered"));
    }
    let (store, random) = (&manager.store, manager.random.as_ref());
    let set = set_resource_tokens(store, random, &Actor::CommandLine, &arguments.resource, choice, manager.now).await;
    let line = Line::of(set.map_err(|refusal| CommandError::refused(refusal.to_string()))?, manager);
    let text = format!(
        "tokens for {} are signed with {} and live {} seconds",
        line.resource, line.algorithm, line.access_token_ttl_seconds
    );
    arguments.format.one(&line, &text, output)
}
