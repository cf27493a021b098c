//! The whole server: open, serve until told to stop, stop gracefully.

use crate::{
    app::{App, Parts, StartError, build, open_store},
    config::Settings,
    issuer::machine_token::EnrolledIdentity,
};
use shared::{
    clock::SharedClock,
    db::Store,
    http,
    protocol::jwt::{AssertionSigner, AssertionSignerError},
    random::SharedRandom,
    trace::{Exporter, Tracer},
};
use std::sync::Arc;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// What a collector of traces calls this server.
const SERVICE: &str = "postern-resource-server";

/// A server that listens, but answers only when [`Server::serve`] runs.
pub struct Server {
    app: App,
    store: Store,
    listeners: Vec<TcpListener>,
    metrics_listeners: Vec<TcpListener>,
    cap: http::ConnectionCap,
    metrics_cap: http::ConnectionCap,
    exporter: Option<Exporter>,
    stop: CancellationToken,
}

impl Server {
    /// Takes the ports, then opens the database. The identity is handed over in memory by the one-command `postern`;
    /// without it the settings must name one.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(
        settings: Settings,
        clock: SharedClock,
        random: SharedRandom,
        identity: Option<EnrolledIdentity>,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let identity = match identity {
            None if settings.resource_server.own_authorization_server => Some(configured_identity(&settings)?),
            handed_over => handed_over,
        };
        let listeners = http::bind(&settings.resource_server.listen)?;
        let metrics_listeners =
            http::bind(&settings.resource_server.metrics_listen).map_err(StartError::ListenForMetrics)?;
        let cap_of_listener = || http::ConnectionCap::of(&settings.shared);
        let (cap, metrics_cap) = (cap_of_listener(), cap_of_listener());
        let store = open_store(&settings, random.as_ref()).await?;
        let (tracer, exporter) = Tracer::of(&settings.shared, SERVICE, &random);
        let parts = Parts { settings, store: store.clone(), clock, random, identity, stop: stop.clone(), tracer };
        Ok(Self { app: build(parts)?, store, listeners, metrics_listeners, cap, metrics_cap, exporter, stop })
    }

    /// Serves until told to stop; the database closes after the last request.
    pub async fn serve(self) {
        let Self { app, store, listeners, metrics_listeners, cap, metrics_cap, exporter, stop } = self;
        let (told, ended) = (app.metrics.clone(), CancellationToken::new());
        let metrics = http::metrics_router(move || {
            let told = told.clone();
            async move { told.page() }
        });
        let mut beside = JoinSet::new();
        beside.spawn(http::serve(metrics_listeners, metrics, metrics_cap, ended.clone()));
        if let Some(exporter) = exporter {
            beside.spawn(exporter.run(ended.clone()));
        }
        let (router, follower) = app.start();
        http::serve(listeners, router, cap, stop).await;
        ended.cancel();
        while beside.join_next().await.is_some() {}
        if let Err(cause) = follower.await {
            tracing::error!(%cause, "the task that follows the authorization server ended badly");
        }
        store.close().await;
    }
}

/// The identity that the settings name.
fn configured_identity(settings: &Settings) -> Result<EnrolledIdentity, StartError> {
    settings.check_identity()?;
    let own = &settings.resource_server;
    let key = own.private_key.as_ref().map(|key| AssertionSigner::from_pkcs8_pem(key.expose())).transpose()?;
    match (own.client_id.clone(), key) {
        (Some(client_id), Some(signer)) => Ok(EnrolledIdentity { client_id, signer: Arc::new(signer) }),
        _ => Err(StartError::Key(AssertionSignerError::Key)),
    }
}
