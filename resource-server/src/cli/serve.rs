//! `resource-server serve`.

use super::CommandError;
use crate::{config::Settings, serve::Server};
use clap::Args;
use shared::{config::Sources, process::Surroundings};

/// The flags that stand for settings.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    /// The URL under which the world reaches this server.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The addresses to listen on, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    pub listen: Option<String>,
    /// The authorization server.
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// The client that `auth-server resource-server add` made.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The file with that client's private key.
    #[arg(long, value_name = "FILE")]
    pub private_key_file: Option<String>,
}

impl ServeArguments {
    /// `sources` with these flags over them.
    pub fn flags(&self, sources: Sources) -> Sources {
        let table = "resource_server";
        [
            ("public_url", "--public-url", &self.public_url),
            ("listen", "--listen", &self.listen),
            ("issuer", "--issuer", &self.issuer),
            ("client_id", "--client-id", &self.client_id),
            ("private_key_file", "--private-key-file", &self.private_key_file),
        ]
        .into_iter()
        .fold(sources, |sources, (key, flag, value)| sources.with_optional_flag(table, key, flag, value.clone()))
    }
}

/// Opens the server, says where it is, and serves until told to stop.
pub(super) async fn serve(settings: Settings, surroundings: Surroundings) -> Result<(), CommandError> {
    let _logs = surroundings.install_logs(settings.shared.log_format)?;
    let Surroundings { clock, random, stop, .. } = surroundings;
    let (resource, issuer) = (settings.resource(), settings.issuers().collect::<Vec<_>>().join(", "));
    let server = Server::open(settings, clock, random, None, stop).await?;
    tracing::info!(%resource, %issuer, "serving");
    server.serve().await;
    tracing::info!("stopped");
    Ok(())
}
