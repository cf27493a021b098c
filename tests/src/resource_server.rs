//! A resource server of ours around somebody else's tools, enrolled at a running Postern.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use resource_server::{
    app::{Parts, build_around, open_store},
    config::Settings,
    issuer::machine_token::EnrolledIdentity,
    upstreams::{
        Upstream,
        rmcp_upstream::{RmcpLimits, RmcpUpstream},
    },
};
use rmcp::{ServerHandler, model::Tool};
use serde::{Deserialize, Serialize};
use shared::{
    clock::SystemClock,
    config::Sources,
    http::{ConnectionCap, bind},
    protocol::{jwt::AssertionSigner, resource_document::ResourceScope},
    random::SystemRandom,
    trace::Tracer,
};
use tokio_util::sync::CancellationToken;

use crate::poll::until;
use crate::postern::{Home, free_port};

const READY_WITHIN: Duration = Duration::from_secs(20);

/// Who such a server is and where: made at the Postern, perhaps for another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enrolled {
    /// Its port on loopback.
    pub port: u16,
    settings: String,
    client_id: String,
    key: String,
}

/// A server that is ready to answer once somebody serves it.
pub struct Unserved {
    /// Its port, bound.
    pub listeners: Vec<tokio::net::TcpListener>,
    /// What answers.
    pub router: Router,
    /// How many connections it takes.
    pub cap: ConnectionCap,
}

impl Enrolled {
    /// One called `name` at the Postern of `home`, with these further settings.
    ///
    /// # Errors
    /// When it cannot be enrolled.
    pub async fn at(home: &Home, name: &str, further: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let (origin, data) = (format!("http://localhost:{port}"), home.folder().join(name));
        let key_file = home.folder().join(format!("{name}.key"));
        let key_path = key_file.display().to_string();
        let arguments = ["resource-server", "add", name, "--origin", &origin, "--key-file", &key_path];
        let enrolled = home.json(&arguments).await?;
        let client_id = enrolled["client_id"].as_str().context("no client_id")?.to_owned();
        let settings = format!(
            "[shared]\ndata_dir = {data:?}\n[resource_server]\npublic_url = {origin:?}\nissuer = {:?}\n\
             listen = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n{further}\n",
            home.issuer()
        );
        Ok(Self { port, settings, client_id, key: std::fs::read_to_string(key_file)? })
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Its MCP endpoint, which is the resource.
    pub fn mcp_url(&self) -> String {
        format!("{}/mcp", self.origin())
    }

    /// The server around `tools` of `server`, which whoever has `mcp.read` may call.
    ///
    /// # Errors
    /// When its port is taken or its database cannot be made.
    pub async fn around<S: ServerHandler + Clone + Sync>(
        &self,
        server: S,
        tools: &[Tool],
        stop: CancellationToken,
    ) -> anyhow::Result<Unserved> {
        shared::protocol::jwt::install_stock_provider();
        let settings = Settings::load(&Sources::new().with_file_text("enrolled", &self.settings)?)?;
        let random = Arc::new(SystemRandom);
        let scope = ResourceScope {
            name: "mcp.read".to_owned(),
            description: "Call the tools".to_owned(),
            implies: vec![],
            roles: vec!["member".to_owned()],
            tools: tools.iter().map(|tool| tool.name.to_string()).collect(),
        };
        let around = |parts: &Parts, limits: &RmcpLimits| -> (Arc<dyn Upstream>, _) {
            (Arc::new(RmcpUpstream::new(server, tools, limits, parts.stop.child_token())), vec![scope])
        };
        let store = open_store(&settings, random.as_ref()).await?;
        let (listeners, cap) = (bind(&settings.resource_server.listen)?, ConnectionCap::of(&settings.shared));
        let signer = Arc::new(AssertionSigner::from_pkcs8_pem(&self.key)?);
        let identity = Some(EnrolledIdentity { client_id: self.client_id.clone(), signer });
        let (clock, tracer) = (Arc::new(SystemClock), Tracer::default());
        let parts = Parts { settings, store, clock, random, identity, stop, tracer };
        let (router, _follower) = build_around(around, parts)?.start();
        Ok(Unserved { listeners, router, cap })
    }

    /// Waits until the server, which somebody serves, is ready.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.origin());
        let ready = || async { reqwest::get(&url).await.ok()?.status().is_success().then_some(()) };
        until("the resource server is ready", READY_WITHIN, ready).await
    }
}
