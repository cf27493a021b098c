//! Making an account.

use super::{
    Email, PasswordHasher, User,
    password_hash::PasswordHashError,
    password_rules::{PasswordProblem, check_password},
    user::{display_name, roles_of},
};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    store::{milestone, one_time_link, user_account},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    random::{Random, random_id},
    secret::Secret,
};
use std::fmt::{self, Display, Formatter};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// The address that names the account.
    pub email: &'a str,
    /// What pages call the person; empty for the part of the address before `@`.
    pub display_name: &'a str,
    /// `None`: the account cannot be used until a password is chosen through a link (see [`super::reset_password::fresh_link`]).
    pub password: Option<&'a Secret>,
    /// Whether the user administers this installation.
    pub is_administrator: bool,
}

/// What is wrong with the fields, all of it at once; the texts are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, thiserror::Error)]
pub struct FieldProblems {
    /// About the e-mail address.
    pub email: Option<&'static str>,
    /// About the display name.
    pub display_name: Option<&'static str>,
    /// About the password.
    pub password: Option<PasswordProblem>,
}

/// Every problem, in the words of the pages, on one line.
impl Display for FieldProblems {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let password = self.password.map(|problem| problem.to_string());
        let problems = [self.email, self.display_name, password.as_deref()];
        f.write_str(&problems.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// The fields are not usable.
    #[error(transparent)]
    Fields(#[from] FieldProblems),
    /// Somebody has this e-mail address.
    #[error("there is an account with this e-mail address already")]
    Taken,
    /// The password could not be hashed now.
    #[error(transparent)]
    Hash(#[from] PasswordHashError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account that is checked and hashed, and only has to be written.
pub struct PreparedUser {
    /// The user to be.
    pub user: User,
    password_hash: Option<String>,
    audit: AuditEvent,
}

impl PreparedUser {
    /// Somebody who administers makes it.
    #[must_use]
    pub fn by(self, actor: &Actor) -> Self {
        Self { audit: self.audit.by(actor), ..self }
    }
}

/// Checks the fields and hashes the password; writes nothing.
///
/// # Errors
/// [`AddUserError::Fields`] or [`AddUserError::Hash`].
pub async fn prepare(
    passwords: &PasswordHasher,
    random: &dyn Random,
    new: &NewUser<'_>,
    now: UnixSeconds,
) -> Result<PreparedUser, AddUserError> {
    let mut problems = FieldProblems::default();
    let email = Email::parse(new.email).ok();
    if email.is_none() {
        problems.email = Some("Enter an e-mail address, such as ada@example.com.");
    }
    let name = email.as_ref().and_then(|email| display_name(new.display_name, email));
    if email.is_some() && name.is_none() {
        problems.display_name = Some("Use a shorter name, on one line.");
    }
    problems.password = match (new.password, &email) {
        (Some(password), Some(email)) => check_password(password.expose(), email, new.display_name).err(),
        _ => None,
    };
    let (Some(email), Some(display_name), None) = (email, name, problems.password) else { return Err(problems.into()) };
    let password_hash = match new.password {
        Some(password) => Some(passwords.hash(password).await?),
        None => None,
    };
    let user =
        User { id: random_id(random), email, display_name, roles: roles_of(new.is_administrator), disabled_at: None };
    let audit = AuditEvent::new(AuditKind::UserAdded, random, now).user(&user.id).by_user(&user.id);
    Ok(PreparedUser { user, password_hash, audit })
}

/// Writes the account; an administrator closes the set-up for good. `false` when the address is taken.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn insert(tx: &mut Tx, prepared: &PreparedUser, now: UnixSeconds) -> Result<bool, StoreError> {
    if !user_account::insert(tx, &prepared.user, prepared.password_hash.as_deref(), now).await? {
        return Ok(false);
    }
    if prepared.user.is_administrator() {
        milestone::reach(tx, milestone::ADMINISTRATOR_MADE, now).await?;
        one_time_link::consume_set_up(tx, now).await?;
    }
    audit::record(tx, &prepared.audit).await?;
    Ok(true)
}

/// Makes an account, as an administrator or a command asks.
///
/// # Errors
/// [`AddUserError`].
pub async fn add_user(
    store: &Store,
    passwords: &PasswordHasher,
    random: &dyn Random,
    by: &Actor,
    new: &NewUser<'_>,
    now: UnixSeconds,
) -> Result<User, AddUserError> {
    let prepared = prepare(passwords, random, new, now).await?.by(by);
    let written = &prepared;
    let is_new = store.write(|mut tx| async move { insert(&mut tx, written, now).await }).await?;
    if is_new { Ok(prepared.user) } else { Err(AddUserError::Taken) }
}

#[cfg(test)]
mod tests {
    use super::{FieldProblems, PasswordProblem};

    #[test]
    fn a_refusal_says_all_that_is_wrong_as_the_pages_do() {
        let password = Some(PasswordProblem::TooShort);
        let one = FieldProblems { password, ..FieldProblems::default() };
        assert_eq!(one.to_string(), PasswordProblem::TooShort.to_string());
        let email = Some("Enter an e-mail address.");
        let both = FieldProblems { email, password, display_name: None };
        assert_eq!(both.to_string(), format!("Enter an e-mail address. {}", PasswordProblem::TooShort));
    }
}
