//! `auth-server serve`.

use super::CommandError;
use crate::{config::Settings, serve::Server};
use clap::Args;
use shared::{config::Sources, process::Surroundings};

/// The flags that stand for settings.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    /// The URL under which the world reaches this server: the issuer.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The addresses to listen on, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    pub listen: Option<String>,
}

impl ServeArguments {
    /// `sources` with these flags over them.
    pub fn flags(&self, sources: Sources) -> Sources {
        sources
            .with_optional_flag("auth_server", "public_url", "--public-url", self.public_url.clone())
            .with_optional_flag("auth_server", "listen", "--listen", self.listen.clone())
    }
}

/// Opens the server, says where it is, and serves until told to stop.
pub(super) async fn serve(settings: Settings, surroundings: Surroundings) -> Result<(), CommandError> {
    let _logs = surroundings.install_logs(settings.shared.log_format)?;
    let Surroundings { clock, random, stop, .. } = surroundings;
    let issuer = settings.auth_server.public_url.to_string();
    let server = Server::open(settings, clock, random, stop).await?;
    tracing::info!(%issuer, "serving");
    server.serve().await;
    tracing::info!("stopped");
    Ok(())
}
