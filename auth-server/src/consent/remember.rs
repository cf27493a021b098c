//! What need not be asked again: the identical client, redirect host, resource, organization and policy, and no scope more than was allowed.

use super::Destination;
use crate::{
    resources::Resource,
    store::remembered_consent::{self, ConsentKey},
};
use shared::{
    clock::UnixSeconds,
    db::{Fetch, StoreError, Tx},
    protocol::scope::ScopeSet,
};

/// What a consent is about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Who allows.
    pub user_id: &'a str,
    /// Which client.
    pub client_id: &'a str,
    /// Where the answer goes.
    pub destination: &'a Destination,
    /// What is used.
    pub resource: &'a Resource,
    /// The organization that it is for.
    pub organization_id: Option<&'a str>,
}

impl<'a> Subject<'a> {
    fn key(&self) -> Option<ConsentKey<'a>> {
        let redirect_host = self.destination.rememberable_host()?;
        Some(ConsentKey {
            user_id: self.user_id,
            client_id: self.client_id,
            redirect_host,
            resource: &self.resource.id,
            organization_id: self.organization_id,
        })
    }
}

/// Whether the user allowed all of `scope` before, to the same subject.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn is_remembered(db: &mut impl Fetch, subject: &Subject<'_>, scope: &ScopeSet) -> Result<bool, StoreError> {
    let Some(key) = subject.key() else { return Ok(false) };
    let remembered = remembered_consent::find(db, &key, subject.resource.policy_version).await?;
    Ok(remembered.is_some_and(|remembered| scope.is_subset(&remembered)))
}

/// Remembers a consent, if its destination may be remembered at all.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn remember(
    tx: &mut Tx,
    subject: &Subject<'_>,
    scope: &ScopeSet,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let Some(key) = subject.key() else { return Ok(()) };
    remembered_consent::remember(tx, &key, scope, subject.resource.policy_version, now).await
}
