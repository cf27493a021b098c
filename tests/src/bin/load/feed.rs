//! What a connection sends next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use system_tests::oauth_client::OAuthClient;

use crate::bodies;
use crate::http_client::Request;

/// The source of one connection's requests.
#[derive(Debug)]
pub enum Feed {
    /// The same request again and again.
    Same(Request),
    /// Requests that may each be sent once, shared by all connections; the load ends when there are no more.
    Once(Arc<Mutex<VecDeque<Request>>>),
    /// A client that refreshes with the token it was given last.
    Refresh(Box<OAuthClient>),
}

impl Feed {
    /// The next request, or none when there is nothing left.
    pub fn next(&self) -> anyhow::Result<Option<Request>> {
        match self {
            Self::Same(request) => Ok(Some(request.clone())),
            Self::Once(queue) => Ok(queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()),
            Self::Refresh(client) => bodies::token_request(client.refresh_body(), None).map(Some),
        }
    }

    /// Learns from an answer.
    pub fn answered(&mut self, body: &Bytes) -> anyhow::Result<()> {
        match self {
            Self::Refresh(client) => client.keep(&serde_json::from_slice(body)?),
            Self::Same(_) | Self::Once(_) => Ok(()),
        }
    }
}
