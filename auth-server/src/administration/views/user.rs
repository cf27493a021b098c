//! A user as shown.

use crate::{store::user_account::UserRecord, users::reset_password};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{clock::UnixSeconds, protocol::opaque_token::OpaqueToken};

/// A user.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct UserView {
    /// The `sub` of tokens.
    pub id: String,
    /// What names the account.
    pub email: String,
    /// What pages call the person.
    pub display_name: String,
    /// What the user may do: `administrator`, `member`.
    pub roles: Vec<String>,
    /// Whether the account is `active` or `disabled`.
    pub state: &'static str,
    /// Whether a password was ever chosen.
    pub has_password: bool,
    /// When the password was chosen last, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_changed_at: Option<UnixSeconds>,
    /// When the account was made, in unix seconds.
    pub created_at: UnixSeconds,
    /// When it was disabled, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<UnixSeconds>,
}

impl From<UserRecord> for UserView {
    fn from(record: UserRecord) -> Self {
        let UserRecord { user, has_password, password_changed_at, created_at } = record;
        Self {
            state: if user.is_active() { "active" } else { "disabled" },
            id: user.id,
            email: user.email.as_str().to_owned(),
            display_name: user.display_name,
            roles: user.roles,
            has_password,
            password_changed_at,
            created_at,
            disabled_at: user.disabled_at,
        }
    }
}

/// A link through which a user chooses a password. It is shown only now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PasswordLink")]
pub struct PasswordLinkView {
    /// Give it to the user; whoever has it chooses the password. It works once.
    pub password_link: String,
    /// For how long it works.
    pub expires_in_seconds: i64,
}

impl PasswordLinkView {
    /// The link of `issuer` with this token.
    pub fn of(issuer: &str, token: &OpaqueToken) -> Self {
        let password_link = reset_password::link_url(issuer, token).expose().to_owned();
        Self { password_link, expires_in_seconds: reset_password::RESET_LINK_SECONDS }
    }
}

/// A user who was just made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewUser")]
pub struct NewUserView {
    /// The user.
    #[serde(flatten)]
    pub user: UserView,
    /// How the user gets in.
    #[serde(flatten)]
    pub link: PasswordLinkView,
}
