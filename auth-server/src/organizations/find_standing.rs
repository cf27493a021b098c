//! Who a user is now for a grant that was made earlier.

use super::Standing;
use crate::{
    store::{organization_member, user_account},
    users::User,
};
use shared::db::{Fetch, StoreError};

/// Reads user, membership and organization. `None`: the account is gone or closed, the organization is closed, or the user
/// does not belong to it any more.
///
/// # Errors
/// [`StoreError`] when the database does not answer: then nobody knows, and the grant stays as it is.
pub async fn find_standing(
    db: &mut impl Fetch,
    user_id: &str,
    organization_id: Option<&str>,
) -> Result<Option<Standing>, StoreError> {
    let Some(user) = user_account::find(db, user_id).await?.filter(User::is_active) else { return Ok(None) };
    let membership = match organization_id {
        Some(id) => organization_member::find(db, id, user_id).await?,
        None => None,
    };
    Ok(Standing::of_grant(&user.roles, organization_id, membership.as_ref()))
}
