//! Making an account that belongs to an organization from its beginning.

use super::{OrganizationRefusal, OrganizationRole, add_member};
use crate::{
    audit::Actor,
    users::{
        NewUser, PasswordHasher, User,
        add_user::{self, AddUserError},
    },
};
use shared::{clock::UnixSeconds, db::Store, random::Random};

/// Makes account and membership, in one transaction.
///
/// # Errors
/// [`OrganizationRefusal`]: neither was made.
pub async fn add_new_member(
    store: &Store,
    passwords: &PasswordHasher,
    random: &dyn Random,
    by: &Actor,
    new: &NewUser<'_>,
    membership: (&str, OrganizationRole),
    now: UnixSeconds,
) -> Result<User, OrganizationRefusal> {
    let (organization_id, role) = membership;
    let prepared = add_user::prepare(passwords, random, new, now).await?.by(by);
    let event = add_member::event(random, by, organization_id, &prepared.user.id, role, now);
    let (written, event) = (&prepared, &event);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !add_user::insert(tx, written, now).await? {
                return Err(AddUserError::Taken.into());
            }
            add_member::insert(tx, organization_id, &written.user.id, role, event, now).await
        })
        .await?;
    Ok(prepared.user)
}
