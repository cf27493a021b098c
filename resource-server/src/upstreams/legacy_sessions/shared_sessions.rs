//! What several processes share of a session: the handshake, with which any of them brings it back; and what arrives at one and concerns another.

use super::SharingProcess;
use async_trait::async_trait;
use rmcp::{
    model::{ClientJsonRpcMessage, RequestId},
    transport::streamable_http_server::session::{SessionState, SessionStore, SessionStoreError},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    clock::UnixSeconds,
    ephemeral::{Ephemeral, EphemeralError},
};
use std::{fmt::Display, sync::Arc};
use thiserror::Error;

/// A message that is longer is not handed over.
const LETTER_MAX_BYTES: usize = 32 * 1024;
/// So many of one session wait for the process that they concern, at most, and so many bytes of them.
const LETTERS_MAX: usize = 32;
const MAILBOX_MAX_BYTES: usize = 56 * 1024;
/// It looks twice a second; whatever it did not see after this long, it will not.
const LETTER_SECONDS: u32 = 10;
/// So many put something in at the same time; one more is told to try again.
const POSTING_TRIES: usize = 16;

/// The processes, seen from one of them.
pub(super) struct SharedSessions {
    ephemeral: Arc<dyn Ephemeral>,
    process: SharingProcess,
    lifetime_seconds: u32,
}

/// Why a message is not left for the process that it concerns.
#[derive(Debug, Error)]
pub(in crate::upstreams) enum PostError {
    /// What waits for that process cannot be read or written now.
    #[error(transparent)]
    Store(#[from] EphemeralError),
    /// Too much waits for one session, or too many put something there at once.
    #[error("too much waits for one session at another process")]
    Busy,
    /// The message is too large.
    #[error("a message is too large for another process")]
    TooLarge,
}

/// Whose an event or a question is.
pub(super) enum Whose<'i> {
    /// Of this process, by which number.
    Ours(&'i str),
    /// Of that process, by which number.
    Anothers(&'i str, &'i str),
    /// No process is named.
    Nobodys(&'i str),
}

/// What others know of a session.
pub(super) enum Inbox {
    /// It was ended.
    Over,
    /// It lives, and these messages arrived elsewhere.
    Messages {
        messages: Vec<ClientJsonRpcMessage>,
        /// The number of the last one.
        last: i64,
    },
}

/// What arrived somewhere and concerns somebody else.
#[derive(Default, Serialize, Deserialize)]
struct Mailbox {
    last: i64,
    letters: Vec<Letter>,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    number: i64,
    posted_at: UnixSeconds,
    message: Box<RawValue>,
}

impl SharedSessions {
    pub(super) fn new(ephemeral: Arc<dyn Ephemeral>, process: SharingProcess, lifetime_seconds: u32) -> Self {
        Self { ephemeral, process, lifetime_seconds }
    }

    /// What the others know this process by.
    pub(super) fn name(&self) -> &str {
        &self.process.name
    }

    /// `id` as it is known everywhere.
    pub(super) fn mark(&self, id: impl Display) -> String {
        format!("{}.{id}", self.process.name)
    }

    pub(super) fn whose<'i>(&self, id: &'i str) -> Whose<'i> {
        match id.split_once('.') {
            None => Whose::Nobodys(id),
            Some((process, id)) if process == self.process.name => Whose::Ours(id),
            Some((process, id)) => Whose::Anothers(process, id),
        }
    }

    pub(super) fn is_anothers(&self, id: &str) -> bool {
        matches!(self.whose(id), Whose::Anothers(..))
    }

    pub(super) fn mark_question(&self, id: &RequestId) -> RequestId {
        RequestId::String(self.mark(id).into())
    }

    /// The question as the server here knows it, if it was asked here.
    pub(super) fn unmark_question(&self, id: &RequestId) -> Option<RequestId> {
        let RequestId::String(id) = id else { return None };
        let Whose::Ours(number) = self.whose(id) else { return None };
        number.parse().ok().map(RequestId::Number)
    }

    /// Whether the session was opened, and not ended.
    pub(super) async fn exists(&self, session: &str) -> Result<bool, EphemeralError> {
        Ok(self.ephemeral.get(&handshake(session)).await?.is_some())
    }

    /// Leaves a message of the client for whichever process it concerns.
    pub(super) async fn post(&self, session: &str, message: &[u8]) -> Result<(), PostError> {
        if message.len() > LETTER_MAX_BYTES {
            return Err(PostError::TooLarge);
        }
        // What is no JSON concerns nobody.
        let Ok(message) = serde_json::from_slice::<Box<RawValue>>(message) else { return Ok(()) };
        let (key, now) = (mailbox(session), self.process.clock.now());
        for _ in 0..POSTING_TRIES {
            let before = self.ephemeral.get(&key).await?;
            let mut mail = read(before.as_deref());
            mail.letters.retain(|letter| now - letter.posted_at < i64::from(LETTER_SECONDS));
            // Whoever remembers a number of an earlier box has seen none of this one.
            mail.last = (mail.last + 1).max(now.saturating_mul(1000));
            mail.letters.push(Letter { number: mail.last, posted_at: now, message: message.clone() });
            let after = serde_json::to_vec(&mail).unwrap_or_default();
            if mail.letters.len() > LETTERS_MAX || after.len() > MAILBOX_MAX_BYTES {
                return Err(PostError::Busy);
            }
            if self.ephemeral.compare_and_set(&key, before.as_deref(), &after, LETTER_SECONDS).await? {
                return Ok(());
            }
        }
        Err(PostError::Busy)
    }

    /// What there is to know of a session since the message `seen`.
    pub(super) async fn inbox(&self, session: &str, seen: i64) -> Result<Inbox, EphemeralError> {
        if !self.exists(session).await? {
            return Ok(Inbox::Over);
        }
        let mail = read(self.ephemeral.get(&mailbox(session)).await?.as_deref());
        let new = mail.letters.iter().filter(|letter| letter.number > seen);
        let messages = new.filter_map(|letter| serde_json::from_str(letter.message.get()).ok()).collect();
        Ok(Inbox::Messages { messages, last: mail.last.max(seen) })
    }
}

fn read(mail: Option<&[u8]>) -> Mailbox {
    mail.and_then(|mail| serde_json::from_slice(mail).ok()).unwrap_or_default()
}

fn handshake(session: &str) -> String {
    format!("handshake:{session}")
}

fn mailbox(session: &str) -> String {
    format!("mailbox:{session}")
}

/// Where rmcp looks for a session that does not live in this process.
#[async_trait]
impl SessionStore for SharedSessions {
    async fn load(&self, session: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let kept = self.ephemeral.get(&handshake(session)).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
    }

    async fn store(&self, session: &str, state: &SessionState) -> Result<(), SessionStoreError> {
        let kept = serde_json::to_vec(state)?;
        Ok(self.ephemeral.put(&handshake(session), &kept, self.lifetime_seconds).await?)
    }

    async fn delete(&self, session: &str) -> Result<(), SessionStoreError> {
        Ok(self.ephemeral.put(&handshake(session), b"", 0).await?)
    }
}
