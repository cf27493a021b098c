//! People: accounts, passwords, sign-in, sessions, one-time links, set-up.

pub mod add_user;
pub mod change_password;
pub mod change_user;
pub mod disable_user;
pub mod email;
pub mod enable_user;
pub mod end_session;
pub mod erase_user;
pub mod invite_user;
pub mod known_device;
pub mod password_hash;
pub mod password_rules;
pub mod reset_password;
pub mod session;
pub mod set_administrator;
pub mod set_up;
pub mod sign_in;
pub mod sign_in_limits;
pub mod sign_out;
pub mod sign_out_everywhere;
pub mod user;

pub use add_user::{NewUser, add_user};
pub use disable_user::disable_user;
pub use email::Email;
pub use enable_user::enable_user;
pub use erase_user::erase_user;
pub use invite_user::invite_user;
pub use password_hash::PasswordHasher;
pub use session::{Session, SessionLifetimes};
pub use set_administrator::set_administrator;
pub use sign_out_everywhere::sign_out_everywhere;
pub use user::User;
