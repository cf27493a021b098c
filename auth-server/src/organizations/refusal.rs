//! Why an organization or a membership is not changed as asked.

use super::organization::{NAME_MAX_CHARACTERS, SLUG_MAX_CHARACTERS, TENANT_ID_MAX_CHARACTERS};
use crate::users::add_user::AddUserError;
use shared::db::StoreError;

/// Why nothing was changed; the texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationRefusal {
    /// The slug has other characters, or too many.
    #[error(
        "a slug has at most {SLUG_MAX_CHARACTERS} lower-case letters, digits and hyphens, with no hyphen at either end"
    )]
    Slug,
    /// The name is empty, too long or not one line.
    #[error("a name is one line of at most {NAME_MAX_CHARACTERS} characters")]
    Name,
    /// The tenant id is empty, too long or has other characters.
    #[error("a tenant id has at most {TENANT_ID_MAX_CHARACTERS} visible ASCII characters")]
    TenantId,
    /// Another organization has this slug.
    #[error("there is an organization with this slug already")]
    SlugTaken,
    /// There is no such organization.
    #[error("there is no such organization")]
    UnknownOrganization,
    /// There is no such account, or it is closed.
    #[error("there is no such open account")]
    UnknownUser,
    /// The account belongs to it already.
    #[error("the account belongs to the organization already")]
    AlreadyMember,
    /// The account does not belong to it.
    #[error("the account does not belong to the organization")]
    NotMember,
    /// The account is not any more in the role that the caller saw.
    #[error("the role was changed meanwhile")]
    RoleChanged,
    /// Somebody else changed it after the caller saw it.
    #[error("the organization was changed meanwhile; look at it and try again")]
    ChangedMeanwhile,
    /// No other open account owns it.
    #[error("this is the organization's last owner; make somebody else an owner first")]
    LastOwner,
    /// It is closed already.
    #[error("the organization is disabled already")]
    AlreadyDisabled,
    /// It is open already.
    #[error("the organization is not disabled")]
    NotDisabled,
    /// The account that was to belong to it could not be made.
    #[error(transparent)]
    Account(#[from] AddUserError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
