//! An administrator, or the person who allowed it, ends everything that one person allowed one client: each grant is a connection of that
//! client, and whoever is done with the client is done with all of them.

use super::{end_grant::revocation, revoke_grant::revoke_grant};
use crate::{
    audit::Actor,
    store::{
        authorization_grant::{self, RevocationReason},
        remembered_consent,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Ends every grant of this user for this client, at whatever resource and for whatever organization, for `reason`, in one transaction; each is told and
/// recorded like one that ends alone. With them end the consents that the client could renew its access by, those too whose grants are long
/// over. When this returns, none stands that was not allowed anew.
///
/// # Errors
/// The database failed; then what stands is as the pages show it.
pub async fn end_client_access(
    store: &Store,
    random: &dyn Random,
    (by, reason): (&Actor, RevocationReason),
    user_id: &str,
    client_id: &str,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    store
        .write(|mut tx| async move {
            for grant in authorization_grant::list_standing(&mut tx, user_id, client_id, now).await? {
                let event = revocation(&grant, random, by, now);
                revoke_grant(&mut tx, &grant, reason, &event, now).await?;
            }
            remembered_consent::forget_of_user_and_client(&mut tx, user_id, client_id).await
        })
        .await
}
