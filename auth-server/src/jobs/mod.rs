//! What a server does by itself, over and over.

pub mod audit_chain;
pub mod elected;
pub mod keys;
pub mod sweep;

pub use audit_chain::{AUDIT_CHAIN, AUDIT_RETENTION};
pub use elected::{ElectedJob, run_elected};
pub use keys::KEYS;
pub use sweep::SWEEP;

use crate::app::App;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The jobs that one instance runs for all.
pub static ELECTED: [&ElectedJob; 4] = [&SWEEP, &KEYS, &AUDIT_CHAIN, &AUDIT_RETENTION];

/// Starts every job; they end with `ended`.
pub fn start(app: &Arc<App>, running: &mut JoinSet<()>, ended: &CancellationToken) {
    for job in ELECTED {
        running.spawn(run_elected(Arc::clone(app), job, ended.clone()));
    }
}
