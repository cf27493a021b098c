//! `resource list` and `set`.

use super::{CommandError, Format, keys::parse_algorithm, manager::Manager, output::Columns};
use crate::{
    administration::views::ResourceView,
    audit::Actor,
    resources::{
        Resource,
        set_resource_tokens::{SetTokensRefusal, TokenChoice, set_resource_tokens},
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
    /// List what resource servers registered, and the interface of this server that a client can be made for.
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

/// A resource of a list, and how long access tokens live unless it says so.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    view: ResourceView,
    #[serde(skip)]
    usual_ttl_seconds: i64,
}

impl Shown {
    fn of(resource: Resource, manager: &Manager) -> Self {
        let usual_ttl_seconds = manager.settings.auth_server.access_token_lifetime.seconds();
        Self { view: resource.into(), usual_ttl_seconds }
    }

    fn access_token_ttl_seconds(&self) -> i64 {
        self.view.access_token_ttl_seconds.unwrap_or(self.usual_ttl_seconds)
    }
}

impl Columns for Shown {
    const HEADINGS: &'static [&'static str] =
        &["RESOURCE", "NAME", "SCOPES", "ALGORITHM", "TOKEN SECONDS", "REGISTERED BY"];

    fn columns(&self) -> Vec<String> {
        let view = &self.view;
        let scopes: Vec<&str> = view.scopes.iter().map(|scope| scope.name.as_str()).collect();
        let owner = if view.is_built_in { "(built in)" } else { &view.owner_client_id };
        let ttl = self.access_token_ttl_seconds().to_string();
        let texts = [&view.resource, &view.name, &scopes.join(" "), view.algorithm, &ttl, owner];
        texts.into_iter().map(str::to_owned).collect()
    }
}

pub(super) async fn execute(
    command: ResourceCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        ResourceCommand::List(format) => {
            let built_in = Resource::administration(manager.issuer());
            let registered = store::resource::list_page(&mut manager.store.read(), "", "", i64::MAX).await?;
            let resources = std::iter::once(built_in).chain(registered);
            format.list(resources.map(|resource| Shown::of(resource, manager)).collect(), output)
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
    let set = set.map_err(|refusal| match refusal {
        SetTokensRefusal::Unknown(_) => CommandError::not_found(refusal.to_string()),
        refusal => CommandError::refused(refusal.to_string()),
    })?;
    let shown = Shown::of(set, manager);
    let text = format!(
        "tokens for {} are signed with {} and live {} seconds",
        shown.view.resource,
        shown.view.algorithm,
        shown.access_token_ttl_seconds()
    );
    arguments.format.one(&shown, &text, output)
}
