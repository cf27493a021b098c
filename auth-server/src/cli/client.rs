//! `client add`, `list`, `rotate-secret`, `remove`.

use super::{CommandError, Format, manager::Manager, output::Columns};
use crate::{
    audit::Actor,
    clients::{
        Client, OpenIdMetadata,
        add_client::{Installation, NewClient, add_client},
        remove_client::remove_client,
        rotate_secret::{OVERLAP_SECONDS, rotate_secret},
    },
    store,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{protocol::token_algorithm::TokenAlgorithm, secret::Secret};
use std::io::Write;

/// Clients listed by one query.
const PAGE: i64 = 500;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a client. Its secret is printed once and stored as a hash.
    #[command(
        after_help = "Example:\n  postern client add nightly --grant client_credentials --scope \"mcp.read mcp.write\" --resource http://localhost:9500/mcp\n  postern client add portal --grant authorization_code --grant refresh_token --redirect-uri https://portal.example.com/callback --scope mcp.read"
    )]
    Add(AddArguments),
    /// List all clients, those that registered themselves included.
    #[command(after_help = "Example:\n  postern client list --json")]
    List(Format),
    /// Give a client another secret, printed once. The old one goes on for a day, or as long as you say.
    #[command(
        name = "rotate-secret",
        after_help = "Example:\n  postern client rotate-secret client_Zm9vYmFyYmF6cXV4MTIz --overlap-seconds 3600"
    )]
    RotateSecret(RotateSecretArguments),
    /// Remove a client: everything it holds ends at once.
    #[command(after_help = "Example:\n  postern client remove client_Zm9vYmFyYmF6cXV4MTIz")]
    Remove(RemoveArguments),
}

/// A new client.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// What people call it.
    pub name: String,
    /// A grant it may use: client_credentials, authorization_code or refresh_token; may be repeated.
    #[arg(long = "grant", value_name = "GRANT", required = true)]
    pub grants: Vec<String>,
    /// The scopes it may ask for, separated by spaces.
    #[arg(long, value_name = "SCOPES", default_value = "")]
    pub scope: String,
    /// A registered resource it may ask for; may be repeated. Without one it may ask for any, which client_credentials may not.
    #[arg(long = "resource", value_name = "URL")]
    pub resources: Vec<String>,
    /// Where codes may be sent; may be repeated.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after signing out (OpenID Connect); may be repeated.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    pub post_logout_redirect_uris: Vec<String>,
    /// How its ID tokens are signed: RS256, which is the default, or ES256.
    #[arg(long = "id-token-alg", value_name = "ALGORITHM", value_parser = algorithm)]
    pub id_token_algorithm: Option<TokenAlgorithm>,
    /// It cannot keep a secret, as a program on people's machines: no secret is made.
    #[arg(long)]
    pub public: bool,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

fn algorithm(text: &str) -> Result<TokenAlgorithm, String> {
    TokenAlgorithm::parse(text).ok_or_else(|| "use RS256 or ES256".to_owned())
}

/// Whose secret.
#[derive(Debug, Args)]
pub struct RotateSecretArguments {
    /// The id that `client list` shows.
    pub id: String,
    /// How long the old secret goes on, in seconds; 0 ends it at once, as after a leak.
    #[arg(long, value_name = "SECONDS", default_value_t = OVERLAP_SECONDS)]
    pub overlap_seconds: u32,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// Which client.
#[derive(Debug, Args)]
pub struct RemoveArguments {
    /// The id that `client list` shows.
    pub id: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

#[derive(Serialize)]
struct Line {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    client_name: String,
    origin: &'static str,
    token_endpoint_auth_method: &'static str,
    grant_types: Vec<&'static str>,
    scope: String,
    resources: Vec<String>,
    redirect_uris: Vec<String>,
    #[serde(flatten)]
    openid: OpenIdMetadata,
    confirmed: bool,
}

impl Line {
    fn of(client: Client, secret: Option<&Secret>) -> Self {
        Self {
            client_id: client.id,
            client_secret: secret.map(|secret| secret.expose().to_owned()),
            client_name: client.name,
            origin: client.origin.as_str(),
            token_endpoint_auth_method: client.auth_method.as_str(),
            grant_types: client.grant_types.iter().map(|grant| grant.as_str()).collect(),
            scope: client.scope.to_string(),
            resources: client.resources,
            redirect_uris: client.redirect_uris,
            openid: client.openid,
            confirmed: client.confirmed_at.is_some(),
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] = &["ID", "NAME", "ORIGIN", "GRANTS", "SCOPE"];

    fn columns(&self) -> Vec<String> {
        let origin = if self.confirmed { self.origin.to_owned() } else { format!("{}, unconfirmed", self.origin) };
        vec![self.client_id.clone(), self.client_name.clone(), origin, self.grant_types.join(" "), self.scope.clone()]
    }
}

#[derive(Serialize)]
struct Rotated<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    previous_secret_ends_at: i64,
}

#[derive(Serialize)]
struct Removed<'a> {
    client_id: &'a str,
    removed: bool,
}

pub(super) async fn execute(
    command: ClientCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        ClientCommand::Add(arguments) => add(&arguments, manager, output).await,
        ClientCommand::List(format) => list(format, manager, output).await,
        ClientCommand::RotateSecret(arguments) => rotate(&arguments, manager, output).await,
        ClientCommand::Remove(arguments) => {
            if !remove_client(&manager.store, manager.random.as_ref(), &Actor::CommandLine, &arguments.id, manager.now)
                .await?
            {
                return Err(CommandError::refused(format!("there is no client {}", arguments.id)));
            }
            let answer = Removed { client_id: &arguments.id, removed: true };
            arguments.format.one(&answer, &format!("{} is removed; everything it held has ended", arguments.id), output)
        }
    }
}

async fn add(arguments: &AddArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let new = NewClient {
        name: &arguments.name,
        grants: &arguments.grants,
        scope: &arguments.scope,
        resources: &arguments.resources,
        redirect_uris: &arguments.redirect_uris,
        post_logout_redirect_uris: &arguments.post_logout_redirect_uris,
        id_token_algorithm: arguments.id_token_algorithm,
        is_public: arguments.public,
    };
    let redirect_schemes = &manager.settings.auth_server.redirect_schemes;
    let installation = Installation { issuer: manager.issuer(), redirect_schemes };
    let added =
        add_client(&manager.store, installation, manager.random.as_ref(), &Actor::CommandLine, &new, manager.now).await;
    let (client, secret) = added.map_err(|refusal| CommandError::refused(refusal.to_string()))?;
    let mut text = format!("client_id      {}", client.id);
    if let Some(secret) = &secret {
        text.push_str(&format!("\nclient_secret  {}\nThe secret is shown only now.", secret.expose()));
    }
    arguments.format.one(&Line::of(client, secret.as_ref()), &text, output)
}

async fn rotate(
    arguments: &RotateSecretArguments,
    manager: &Manager,
    output: &mut dyn Write,
) -> Result<(), CommandError> {
    let RotateSecretArguments { id, overlap_seconds, format } = arguments;
    let (store, random) = (&manager.store, manager.random.as_ref());
    let secret = rotate_secret(store, random, &Actor::CommandLine, id, *overlap_seconds, manager.now)
        .await
        .map_err(|refusal| CommandError::refused(refusal.to_string()))?;
    let answer = Rotated {
        client_id: id,
        client_secret: secret.expose(),
        previous_secret_ends_at: manager.now + i64::from(*overlap_seconds),
    };
    let old = match overlap_seconds {
        0 => "The old secret has ended.".to_owned(),
        seconds => format!("The old secret goes on for {seconds} seconds."),
    };
    let text = format!("client_secret  {}\nThe secret is shown only now. {old}", secret.expose());
    format.one(&answer, &text, output)
}

async fn list(format: Format, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let (mut lines, mut after) = (Vec::new(), String::new());
    loop {
        let page = store::client::list(&mut manager.store.read(), &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        let alive = page.into_iter().filter(|client| client.is_alive(manager.now));
        lines.extend(alive.map(|client| Line::of(client, None)));
    }
    format.list(&lines, output)
}
