//! Legacy sessions belong to whoever opened them: `(iss, sub, client_id)` within one organization. For anybody else they do not exist.
//!
//! A session id is no authentication (MCP Security Best Practices, Session Hijacking): the token is checked on every request, and this binding on
//! top. What is known of sessions lies where several processes see it: one that was opened at one is known at all, and over at all at once.

use crate::bearer::principal::PrincipalKey;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::try_join_all;
use http::HeaderName;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::{
    clock::UnixSeconds,
    ephemeral::{Ephemeral, EphemeralError},
};
use std::sync::Arc;
use thiserror::Error;

/// The header that names a legacy session.
pub const SESSION_HEADER: HeaderName = HeaderName::from_static("mcp-session-id");
/// A longer session id is nobody's.
pub const SESSION_ID_MAX_BYTES: usize = 256;
/// A use is noted when the one before is older than this part of the idle time: once a minute where that is half an hour.
const NOTED_PART: i64 = 30;
/// Whoever opens sessions at so many places at once that each try finds another one, is told to come back.
const OPENING_TRIES: usize = 16;

/// Why nothing can be said or done about a session.
#[derive(Debug, Error)]
pub enum SessionError {
    /// What is kept of it cannot be read or written now.
    #[error(transparent)]
    Store(#[from] EphemeralError),
    /// Too many do something with the sessions of one principal at once.
    #[error("too much happens at once in the sessions of one principal")]
    Busy,
}

/// How long sessions live, and how many there are.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// A session ends after this long without a message (at most a thirtieth earlier: not every use is noted).
    pub idle_seconds: i64,
    /// A session ends after this long, however busy.
    pub lifetime_seconds: i64,
    /// Sessions of one principal; opening another closes the one that was idle longest.
    pub per_principal: usize,
}

/// What is kept of a session under its owner and its id.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Session {
    opened_at: UnixSeconds,
    used_at: UnixSeconds,
}

/// Who owns which session. Used only where the operator turned legacy sessions on.
pub struct Sessions {
    limits: SessionLimits,
    ephemeral: Arc<dyn Ephemeral>,
    resource: String,
}

impl Sessions {
    /// The sessions of `resource`, as `ephemeral` knows them.
    pub fn new(limits: SessionLimits, ephemeral: Arc<dyn Ephemeral>, resource: String) -> Self {
        Self { limits, ephemeral, resource }
    }

    /// Whether `id` is a living session of `owner`; if so it counts as used at `now`.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn touch(&self, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> Result<bool, SessionError> {
        if id.len() > SESSION_ID_MAX_BYTES {
            return Ok(false);
        }
        let key = session_key(&self.owner_key(owner), id);
        let Some(kept) = self.ephemeral.get(&key).await? else { return Ok(false) };
        let Some(session) = self.living(&kept, now) else { return Ok(false) };
        if now - session.used_at > self.limits.idle_seconds / NOTED_PART {
            let used = Session { used_at: now, ..session };
            // Whoever changed it meanwhile noted a use as well, or ended it: it is not brought back to life.
            self.ephemeral.compare_and_set(&key, Some(&kept), &used.encoded(), self.limits.left(&used)).await?;
        }
        Ok(true)
    }

    /// Binds a new session; the answer is the sessions of its owner that are over, because they were or because there is one too many.
    ///
    /// # Errors
    /// When that cannot be written down; then the session does not exist.
    pub async fn bind(&self, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> Result<Vec<String>, SessionError> {
        if id.len() > SESSION_ID_MAX_BYTES {
            return Ok(vec![id.to_owned()]);
        }
        let owner = self.owner_key(owner);
        let (key, session) = (session_key(&owner, id), Session { opened_at: now, used_at: now });
        self.ephemeral.put(&key, &session.encoded(), self.limits.left(&session)).await?;
        let listed = self.list(id, &owner, now).await;
        if listed.is_err() {
            self.ephemeral.put(&key, b"", 0).await?;
        }
        listed
    }

    /// Adds `id` to the list of its owner, which names every session that lives.
    async fn list(&self, id: &str, owner: &str, now: UnixSeconds) -> Result<Vec<String>, SessionError> {
        let list = format!("sessions:{owner}");
        for _ in 0..OPENING_TRIES {
            let before = self.ephemeral.get(&list).await?;
            let ids: Vec<String> =
                before.as_ref().and_then(|list| serde_json::from_slice(list).ok()).unwrap_or_default();
            let used = try_join_all(ids.iter().map(|id| self.used_at(owner, id, now))).await?;
            let mut living: Vec<(UnixSeconds, &String)> =
                used.into_iter().zip(&ids).filter_map(|(used_at, id)| Some((used_at?, id))).collect();
            living.sort_unstable();
            let surplus = (living.len() + 1).saturating_sub(self.limits.per_principal);
            let stay: Vec<&str> =
                living.split_off(surplus).into_iter().map(|(_, id)| id.as_str()).chain([id]).collect();
            let after = serde_json::to_vec(&stay).unwrap_or_default();
            let for_seconds = seconds(self.limits.lifetime_seconds);
            if self.ephemeral.compare_and_set(&list, before.as_deref(), &after, for_seconds).await? {
                let over: Vec<String> = ids.iter().filter(|id| !stay.contains(&id.as_str())).cloned().collect();
                try_join_all(over.iter().map(|id| self.remove(owner, id))).await?;
                return Ok(over);
            }
        }
        Err(SessionError::Busy)
    }

    /// Forgets a session that its owner ended.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub async fn end(&self, id: &str, owner: &PrincipalKey) -> Result<(), SessionError> {
        Ok(self.remove(&self.owner_key(owner), id).await?)
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<(), EphemeralError> {
        self.ephemeral.put(&session_key(owner, id), b"", 0).await
    }

    async fn used_at(&self, owner: &str, id: &str, now: UnixSeconds) -> Result<Option<UnixSeconds>, EphemeralError> {
        let kept = self.ephemeral.get(&session_key(owner, id)).await?;
        Ok(kept.and_then(|kept| self.living(&kept, now)).map(|session| session.used_at))
    }

    fn living(&self, kept: &[u8], now: UnixSeconds) -> Option<Session> {
        serde_json::from_slice(kept).ok().filter(|session| self.limits.live(session, now))
    }

    /// Of one length, however long the ids are; another resource may share the store.
    fn owner_key(&self, owner: &PrincipalKey) -> String {
        let digest =
            Sha256::new().chain_update(self.resource.as_bytes()).chain_update(b"\n").chain_update(owner.as_str());
        URL_SAFE_NO_PAD.encode(digest.finalize())
    }
}

impl Session {
    fn encoded(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("two numbers are JSON")
    }
}

impl SessionLimits {
    fn live(&self, session: &Session, now: UnixSeconds) -> bool {
        now - session.used_at < self.idle_seconds && now - session.opened_at < self.lifetime_seconds
    }

    /// Seconds from its last use to the end of `session`, if it is not used again.
    fn left(&self, session: &Session) -> u32 {
        seconds(self.idle_seconds.min(session.opened_at + self.lifetime_seconds - session.used_at))
    }
}

fn session_key(owner: &str, id: &str) -> String {
    format!("session:{owner}:{id}")
}

fn seconds(seconds: i64) -> u32 {
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
