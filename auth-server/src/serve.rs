//! The whole server: open, serve until told to stop, stop gracefully.

use crate::{
    app::{App, StartError},
    change_log,
    config::Settings,
    jobs, metrics, router,
};
use shared::{
    clock::SharedClock,
    http,
    random::SharedRandom,
    trace::{Exporter, Tracer},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// What a collector of traces calls this server.
const SERVICE: &str = "postern-auth-server";

/// A server that listens, but answers only when [`Server::serve`] runs.
pub struct Server {
    app: Arc<App>,
    listeners: Vec<TcpListener>,
    metrics_listeners: Vec<TcpListener>,
    exporter: Option<Exporter>,
    stop: CancellationToken,
}

impl Server {
    /// Takes the ports, then opens the database and makes what is missing there.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(
        settings: Settings,
        clock: SharedClock,
        random: SharedRandom,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let listeners = http::bind(&settings.auth_server.listen)?;
        let metrics_listeners =
            http::bind(&settings.auth_server.metrics_listen).map_err(StartError::ListenForMetrics)?;
        let (tracer, exporter) = Tracer::of(&settings.shared, SERVICE, &random);
        let app = App::open_traced(settings, clock, random, tracer).await?;
        Ok(Self { app, listeners, metrics_listeners, exporter, stop })
    }

    /// What the server works with.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Where it serves the public.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Where it tells metrics.
    pub fn metrics_addresses(&self) -> Vec<SocketAddr> {
        self.metrics_listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until told to stop; jobs end after the last request.
    pub async fn serve(self) {
        let Self { app, listeners, metrics_listeners, exporter, stop } = self;
        let ended = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(change_log::follower::follow(Arc::clone(&app), ended.clone()));
        let (keyed, until) = (Arc::clone(&app), ended.clone());
        running.spawn(async move { keyed.key_file.follow(&keyed.store, &keyed.sealing, &until).await });
        jobs::start(&app, &mut running, &ended);
        let told = Arc::clone(&app);
        let metrics = http::metrics_router(move || metrics::page(Arc::clone(&told)));
        let cap_of_listener = || http::ConnectionCap::of(&app.settings.shared);
        let (cap, metrics_cap) = (cap_of_listener(), cap_of_listener());
        running.spawn(http::serve(metrics_listeners, metrics, metrics_cap, ended.clone()));
        if let Some(exporter) = exporter {
            running.spawn(exporter.run(ended.clone()));
        }
        let router = router::router(Arc::clone(&app), stop.clone());
        http::serve(listeners, router, cap, stop).await;
        ended.cancel();
        while running.join_next().await.is_some() {}
        app.store.close().await;
    }
}
