//! What a person sees in a browser, and the forms behind it.

pub mod assets;
pub mod authorize;
pub mod change_password;
pub mod consent;
pub mod cookie;
pub mod end_access;
pub mod end_session;
pub mod home;
mod page;
pub mod reset_password;
pub mod same_origin;
pub mod set_up;
pub mod sign_in;
pub mod sign_out;
pub mod sign_out_everywhere;
pub mod step_up;
pub(super) mod visit;
