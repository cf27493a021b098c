//! Templates (`auth-server/templates`) and their view types. Everything is HTML-escaped; nothing needs JavaScript.

pub mod assets;
pub mod change_password;
pub mod consent;
pub mod end_session;
pub mod home;
pub mod message;
pub mod notice;
pub mod reset_password;
pub mod set_up;
pub mod sign_in;
pub mod site;
pub mod step_up;
mod time;

pub use change_password::ChangePasswordPage;
pub use consent::{ConsentPage, ConsentProblem, OrganizationChoice, ScopeChoice};
pub use end_session::EndSessionPage;
pub use home::{HomePage, OpenSession, SignedInAccount, Tools};
pub use message::{Link, MessagePage};
pub use notice::{Notice, Words};
pub use reset_password::ResetPasswordPage;
pub use set_up::SetUpPage;
pub use sign_in::SignInPage;
pub use site::Site;
pub use step_up::StepUpPage;

/// A page that can be rendered.
pub use askama::Template;

/// Something wrong with a field, for the summary above the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The id of the field.
    pub field: &'static str,
    /// What to do about it.
    pub text: String,
}
