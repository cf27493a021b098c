//! `login_hint` (OpenID Connect Core §3.1.2.1): the address that the sign-in page begins with.

use crate::{parameters::Parameters, users::Email};

/// The address that was sent along, if it is one.
pub(super) fn read_login_hint(parameters: &Parameters) -> Option<String> {
    let hint = parameters.get("login_hint")?;
    Email::parse(hint).ok().map(|email| email.as_str().to_owned())
}
