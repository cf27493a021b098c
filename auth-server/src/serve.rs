//! The whole server: open, serve until told to stop, stop gracefully.

use crate::{
    app::{App, StartError},
    change_log,
    config::Settings,
    jobs, router,
};
use shared::{clock::SharedClock, http, random::SharedRandom};
use std::sync::Arc;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// A server that listens, but answers only when [`Server::serve`] runs.
pub struct Server {
    app: Arc<App>,
    listeners: Vec<TcpListener>,
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
        let app = App::open(settings, clock, random).await?;
        Ok(Self { app, listeners, stop })
    }

    /// What the server works with.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until told to stop; jobs end after the last request.
    pub async fn serve(self) {
        let Self { app, listeners, stop } = self;
        let ended = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(change_log::follower::follow(Arc::clone(&app), ended.clone()));
        jobs::start(&app, &mut running, &ended);
        let router = router::router(Arc::clone(&app), stop.clone());
        let cap = http::ConnectionCap::of(&app.settings.shared);
        http::serve(listeners, router, cap, stop).await;
        ended.cancel();
        while running.join_next().await.is_some() {}
        app.store.close().await;
    }
}
