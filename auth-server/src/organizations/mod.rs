//! Organizations: who belongs to one, in which role, and who a user is for a grant that chose one.

pub mod add_member;
pub mod add_new_member;
pub mod add_organization;
pub mod change_role;
pub mod disable_organization;
pub mod enable_organization;
pub mod membership;
pub mod organization;
pub mod refusal;
pub mod remove_member;
pub mod rename_organization;
pub mod role;
pub mod standing;

pub use add_member::add_member;
pub use add_new_member::add_new_member;
pub use add_organization::{NewOrganization, add_organization};
pub use change_role::{RoleChange, change_role};
pub use disable_organization::disable_organization;
pub use enable_organization::enable_organization;
pub use membership::{GrantMembership, Member, Membership};
pub use organization::Organization;
pub use refusal::OrganizationRefusal;
pub use remove_member::remove_member;
pub use rename_organization::rename_organization;
pub use role::OrganizationRole;
pub use standing::{ChosenOrganization, Standing};
