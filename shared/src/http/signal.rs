//! When a person or a service manager asks a process to stop.

use tokio_util::sync::CancellationToken;

/// Cancels `stop` at Ctrl-C or SIGTERM, the polite signal of service managers. For binaries.
pub async fn cancel_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    stop.cancel();
}
