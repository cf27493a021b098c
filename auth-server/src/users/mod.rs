//! People: accounts, passwords, sign-in, sessions, one-time links, set-up.

pub mod email;
pub mod password_hash;
pub mod password_rules;
pub mod user;

pub use email::Email;
pub use password_hash::PasswordHasher;
pub use user::User;
