//! A browser session as shown: by a public id, never by what its cookie hashes to.

use crate::store::browser_session::SessionRecord;
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock::UnixSeconds;

/// A browser in which somebody is signed in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionView {
    /// Its public id.
    pub id: String,
    /// Who is signed in.
    pub user_id: String,
    /// When the password was given, in unix seconds.
    pub authenticated_at: UnixSeconds,
    /// When it was last used, in unix seconds.
    pub last_seen_at: UnixSeconds,
    /// Its absolute end, in unix seconds.
    pub expires_at: UnixSeconds,
    /// When it was ended early, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixSeconds>,
}

impl From<SessionRecord> for SessionView {
    fn from(session: SessionRecord) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            authenticated_at: session.authenticated_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            ended_at: session.ended_at,
        }
    }
}
