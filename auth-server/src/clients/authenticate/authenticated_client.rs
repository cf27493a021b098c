//! A client that proved who it is, and its proof, which buys one thing.

use crate::{clients::Client, store::used_assertion};
use shared::{
    db::{Store, StoreError, Tx},
    protocol::jwt::ClientAssertion,
};
use std::sync::Arc;

/// A client that proved who it is (a public one only says so). If the proof is an assertion, it is used up in the transaction that gives the client
/// something: nothing can be given without [`Spent`].
#[derive(Debug, Clone)]
pub struct AuthenticatedClient {
    /// The client.
    pub client: Arc<Client>,
    pub(super) assertion: Option<ClientAssertion>,
}

/// That the proof of a client is used up, or needs not be. Worth nothing unless the transaction that it comes from commits.
#[derive(Debug, Clone)]
pub struct Spent(());

/// Why the proof of a client buys nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// It was used up since it was looked at.
    #[error("the assertion was used before")]
    Replayed,
    /// The store decided nothing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthenticatedClient {
    /// Whether it proved anything (RFC 6749 §2.1).
    pub fn is_confidential(&self) -> bool {
        !self.client.is_public()
    }

    /// Uses its proof up, in the transaction that gives it something, before anything else.
    ///
    /// # Errors
    /// [`SpendError`]; then the transaction must not commit.
    pub async fn spend(&self, tx: &mut Tx) -> Result<Spent, SpendError> {
        if let Some(ClientAssertion { jti, exp, .. }) = &self.assertion
            && !used_assertion::consume(tx, &self.client.id, jti, *exp).await?
        {
            return Err(SpendError::Replayed);
        }
        Ok(Spent(()))
    }

    /// Uses its proof up where nothing else is written: the transaction is its own. There is none for a client that proves itself otherwise.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn spend_alone(&self, store: &Store) -> Result<Spent, SpendError> {
        if self.assertion.is_none() {
            return Ok(Spent(()));
        }
        store.write(|mut tx| async move { self.spend(&mut tx).await }).await
    }

    /// Sees to it that its proof is used up where the client is refused: what was asked with it is not asked with it again.
    ///
    /// # Errors
    /// The store decided nothing.
    pub async fn spend_in_vain(&self, store: &Store) -> Result<(), StoreError> {
        if self.is_spent(store).await? {
            return Ok(());
        }
        match self.spend_alone(store).await {
            Ok(Spent(())) | Err(SpendError::Replayed) => Ok(()),
            Err(SpendError::Store(cause)) => Err(cause),
        }
    }

    /// Whether its proof was used up before.
    pub(super) async fn is_spent(&self, store: &Store) -> Result<bool, StoreError> {
        match &self.assertion {
            Some(assertion) => used_assertion::is_used(&mut store.read(), &self.client.id, &assertion.jti).await,
            None => Ok(false),
        }
    }
}
