//! Making an account whose user chooses the password.

use super::{
    NewUser, PasswordHasher, User,
    add_user::{self, AddUserError},
    reset_password::PreparedLink,
};
use crate::audit::Actor;
use shared::{clock::UnixSeconds, db::Store, protocol::opaque_token::OpaqueToken, random::Random};

/// Makes account and link, in one transaction: nobody is left with an account that has no way in. Put the token into a URL with
/// [`super::reset_password::link_url`].
///
/// # Errors
/// [`AddUserError`]: neither was made.
pub async fn invite_user(
    store: &Store,
    passwords: &PasswordHasher,
    random: &dyn Random,
    by: &Actor,
    new: &NewUser<'_>,
    now: UnixSeconds,
) -> Result<(User, OpaqueToken), AddUserError> {
    let prepared = add_user::prepare(passwords, random, new, now).await?.by(by);
    let link = PreparedLink::new(random, by, &prepared.user.id, now);
    let (account, written) = (&prepared, &link);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !add_user::insert(tx, account, now).await? {
                return Err(AddUserError::Taken);
            }
            Ok(written.insert(tx, &account.user.id, now).await?)
        })
        .await?;
    Ok((prepared.user, link.token))
}
