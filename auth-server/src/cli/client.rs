//! `client add`, `list`, `show`, `rotate-secret`, `remove`.

use super::{
    CommandError, Format,
    manager::Manager,
    output::{self, Columns},
    times,
};
use crate::{
    administration::views::{ClientView, NewSecretView},
    audit::Actor,
    clients::{
        Client, ClientOrigin,
        add_client::{Installation, NewClient, add_client},
        remove_client::remove_client,
        rotate_secret::{OVERLAP_SECONDS, RotateSecretRefusal, rotate_secret},
    },
    store,
};
use clap::{Args, Subcommand};
use shared::protocol::token_algorithm::TokenAlgorithm;
use std::io::{Write, stderr};

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
    /// Show a client.
    #[command(after_help = "Example:\n  postern client show client_Zm9vYmFyYmF6cXV4MTIz")]
    Show(OneArguments),
    /// Give a client another secret, printed once. The old one goes on for a day, or as long as you say.
    #[command(
        name = "rotate-secret",
        after_help = "Example:\n  postern client rotate-secret client_Zm9vYmFyYmF6cXV4MTIz --overlap-seconds 3600"
    )]
    RotateSecret(RotateSecretArguments),
    /// Remove a client: everything it holds ends at once.
    #[command(after_help = "Example:\n  postern client remove client_Zm9vYmFyYmF6cXV4MTIz")]
    Remove(OneArguments),
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
pub struct OneArguments {
    /// The id that `client list` shows.
    pub id: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

impl Columns for ClientView {
    const HEADINGS: &'static [&'static str] = &["ID", "NAME", "ORIGIN", "GRANTS", "SCOPE", "MADE"];

    fn columns(&self) -> Vec<String> {
        let origin =
            if self.confirmed_at.is_some() { self.origin.to_owned() } else { format!("{}, unconfirmed", self.origin) };
        let (grants, made) = (self.grant_types.join(" "), times::both(self.created_at));
        vec![self.client_id.clone(), self.client_name.clone(), origin, grants, self.scope.clone(), made]
    }
}

pub(super) async fn execute(
    command: ClientCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        ClientCommand::Add(arguments) => add(&arguments, manager, output).await,
        ClientCommand::List(format) => {
            let mut reader = manager.store.read();
            let clients = store::client::list_page(&mut reader, "", "", i64::MAX, manager.now).await?;
            format.list(clients.into_iter().map(ClientView::from).collect(), output)
        }
        ClientCommand::Show(OneArguments { id, format }) => {
            let view = ClientView::from(find(&id, manager).await?);
            if format.json { format.one(&view, "", output) } else { output::write_one(&view, output) }
        }
        ClientCommand::RotateSecret(arguments) => rotate(&arguments, manager, output).await,
        ClientCommand::Remove(arguments) => {
            if !remove_client(&manager.store, manager.random.as_ref(), &Actor::CommandLine, &arguments.id, manager.now)
                .await?
            {
                return Err(unknown(&arguments.id));
            }
            arguments.format.done(&format!("{} is removed; everything it held has ended", arguments.id), output)
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
    let mut reader = manager.store.read();
    let others =
        store::client::list_page(&mut reader, ClientOrigin::Administered.as_str(), "", i64::MAX, manager.now).await?;
    let of_that_name = others.into_iter().find(|other| other.name == arguments.name.trim());
    let added =
        add_client(&manager.store, installation, manager.random.as_ref(), &Actor::CommandLine, &new, manager.now).await;
    let (client, secret) = added.map_err(|refusal| CommandError::refused(refusal.to_string()))?;
    if let Some(other) = of_that_name {
        // Beside the answer, which may go to a file; the secret is shown whether or not somebody reads this.
        let (name, id) = (&other.name, &other.id);
        let _ =
            writeln!(stderr(), "there was a client {name} already, {id}: there are two now; `client remove` ends one");
    }
    let mut text = format!("client_id      {}", client.id);
    if let Some(secret) = &secret {
        text.push_str(&format!("\nclient_secret  {}\nThe secret is shown only now.", secret.expose()));
    }
    arguments.format.one(&NewSecretView::of(client, secret.as_ref()), &text, output)
}

async fn rotate(
    arguments: &RotateSecretArguments,
    manager: &Manager,
    output: &mut dyn Write,
) -> Result<(), CommandError> {
    let RotateSecretArguments { id, overlap_seconds, format } = arguments;
    let (store, random) = (&manager.store, manager.random.as_ref());
    let secret = rotate_secret(store, random, &Actor::CommandLine, id, *overlap_seconds, manager.now).await.map_err(
        |refusal| match refusal {
            RotateSecretRefusal::NoClient(_) => unknown(id),
            refusal => CommandError::refused(refusal.to_string()),
        },
    )?;
    let ends_at = manager.now + i64::from(*overlap_seconds);
    let answer = NewSecretView::replaced(find(id, manager).await?, &secret, ends_at);
    let old = match overlap_seconds {
        0 => "The old secret has ended.".to_owned(),
        seconds => format!("The old secret goes on for {seconds} seconds."),
    };
    let text = format!("client_secret  {}\nThe secret is shown only now. {old}", secret.expose());
    format.one(&answer, &text, output)
}

/// A client that exists: not removed, and confirmed or still young.
async fn find(id: &str, manager: &Manager) -> Result<Client, CommandError> {
    let client = store::client::find(&mut manager.store.read(), id).await?;
    client.filter(|client| client.is_alive(manager.now)).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> CommandError {
    CommandError::not_found(format!("there is no client {id}"))
}
