//! How one instance follows the change log: it looks every [`FOLLOW_INTERVAL`], and at once when a write of its own has appended to it.
//!
//! A look begins by finding the row at which this instance stands. If another one stands there, or none, the database was replaced or an
//! older copy of it restored under the running instance; then everything that follows the log is loaded anew.

use super::{ChangeKind, Position};
use crate::{
    app::App,
    key_lifecycle::{KeyLifecycleError, times::KEY_RELOAD_INTERVAL},
    store,
};
use shared::db::StoreError;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// How often an instance looks when nothing wakes it.
pub const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);
/// Caches answer without having heard of the database for this long; then reads go to the database, which answers or fails.
pub const CACHE_MAX_SILENCE: Duration = Duration::from_secs(30);
/// A look that takes longer has failed: the database does not answer.
pub const LOOK_DEADLINE: Duration = Duration::from_secs(5);
/// An instance that could not look at its keys for this long stops signing: one of them may be retired or revoked. With a look that
/// hangs it is the key reload interval, on which the life of keys counts.
pub const SIGNING_MAX_SILENCE: Duration =
    KEY_RELOAD_INTERVAL.saturating_sub(LOOK_DEADLINE).saturating_sub(LOOK_DEADLINE);

const ROWS_A_LOOK: i64 = 500;

/// Where an instance stands in the change log.
#[derive(Debug)]
pub struct Follower {
    position: watch::Sender<Position>,
    looking: Mutex<()>,
    started: Instant,
    last_look_millis: AtomicU64,
}

impl Follower {
    /// Begins at `position`: what is loaded after reading that position is at least as new.
    pub fn from(position: Position) -> Self {
        Self {
            position: watch::Sender::new(position),
            looking: Mutex::new(()),
            started: Instant::now(),
            last_look_millis: AtomicU64::new(0),
        }
    }

    /// Tells whenever the position moves.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// How long ago the log was last seen.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last_look_millis.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    fn saw_the_log(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_look_millis.fetch_max(now, Ordering::Relaxed);
    }
}

/// Follows until `stop`. An unreachable database is logged once and looked at again and again; when it stays away for
/// longer than [`SIGNING_MAX_SILENCE`], this instance stops signing until it could load its keys again.
pub async fn follow(app: Arc<App>, stop: CancellationToken) {
    follow_within(app, SIGNING_MAX_SILENCE, stop).await;
}

/// The same with another limit, for tests that do not wait a minute.
pub async fn follow_within(app: Arc<App>, signing_max_silence: Duration, stop: CancellationToken) {
    let (mut failing, mut suspended) = (false, false);
    let mut appended = app.store.announced();
    loop {
        // What is appended from here on is seen by this look or makes another one.
        appended.borrow_and_update();
        match timely(follow_once(&app, suspended)).await {
            Ok(()) => {
                if failing {
                    tracing::info!("the change log can be read again");
                }
                (failing, suspended) = (false, false);
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "the change log cannot be followed; caches serve for a while");
                }
                failing = true;
                if !suspended && app.follower.silence() > signing_max_silence {
                    app.keys.suspend();
                    suspended = true;
                    tracing::error!("keys could not be checked for too long; signing stops");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = appended.changed() => {}
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
    }
}

/// Dropping a look is harmless: what was not applied is applied by the next one.
async fn timely(look: impl Future<Output = Result<(), KeyLifecycleError>>) -> Result<(), KeyLifecycleError> {
    let late = || StoreError::Unavailable { cause: "change_log: no answer".to_owned() };
    tokio::time::timeout(LOOK_DEADLINE, look).await.unwrap_or_else(|_| Err(late().into()))
}

async fn follow_once(app: &App, suspended: bool) -> Result<(), KeyLifecycleError> {
    if suspended {
        app.reload_keys().await?;
    }
    catch_up(app).await
}

/// Applies every change that is committed by now to this instance's caches.
///
/// # Errors
/// The database could not be read, or a key not opened; what was not applied stays to be applied.
pub async fn catch_up(app: &App) -> Result<(), KeyLifecycleError> {
    let follower = &app.follower;
    let _one_at_a_time = follower.looking.lock().await;
    loop {
        let held = follower.position.borrow().clone();
        let seen = store::change_log::look(&mut app.store.read(), Some(held.position)).await?;
        if seen.place().as_ref() != Some(&held) {
            begin_anew(app).await?;
            continue;
        }
        let rows = match seen.last > held.position {
            true => store::change_log::list_after(&mut app.store.read(), held.position, ROWS_A_LOOK).await?,
            false => Vec::new(),
        };
        let Some(last) = rows.last() else {
            follower.saw_the_log();
            return Ok(());
        };
        apply(app, &rows).await?;
        follower.position.send_replace(Position::behind(&seen.history, last));
    }
}

/// Applies what was just committed, so that whoever did it may go on with it here at once. When that fails it is said in the log and nowhere else:
/// what was asked is done, and the next look makes up for it.
pub async fn catch_up_if_possible(app: &App) {
    if let Err(error) = catch_up(app).await {
        tracing::warn!(%error, "what was just changed is not in memory yet");
    }
}

/// Loads everything that follows the log. What was known to be revoked stays so: a copy that was restored has forgotten some of it.
async fn begin_anew(app: &App) -> Result<(), KeyLifecycleError> {
    tracing::warn!("the database is another one, or was restored from a copy; loading everything anew");
    // Read before what is loaded next: whatever changes meanwhile is applied again.
    let position = Position::end(&app.store).await?;
    app.verified_tokens.forget_all();
    app.clients.forget_all();
    app.revocations.add_all(&app.store, app.clock.now()).await?;
    app.resources.reload(&app.store).await?;
    app.reload_keys().await?;
    app.follower.position.send_replace(position);
    Ok(())
}

async fn apply(app: &App, rows: &[store::change_log::ChangeRow]) -> Result<(), KeyLifecycleError> {
    let (mut resources, mut signing_keys) = (false, false);
    for row in rows {
        match row.kind {
            Some(ChangeKind::Client | ChangeKind::ClientChanged) => app.clients.forget(&row.subject),
            Some(ChangeKind::Resource | ChangeKind::ResourceChanged) => resources = true,
            Some(ChangeKind::Kid) => {
                app.verified_tokens.forget_all();
                signing_keys = true;
            }
            Some(ChangeKind::SigningKeysChanged) => signing_keys = true,
            Some(_) => {}
            // A newer version wrote it: forget everything rather than guess.
            None => {
                app.clients.forget_all();
                (resources, signing_keys) = (true, true);
            }
        }
    }
    // Behind the clients: who knows a revocation and looks a client up then finds the one that is left, see `Revocations::issue_time`.
    app.revocations.apply(rows);
    if resources {
        app.resources.reload(&app.store).await?;
    }
    if signing_keys {
        app.reload_keys().await?;
    }
    Ok(())
}
