//! Whether clients may register themselves here, and replace what they registered.

use super::RegistrationRefusal;
use crate::config::RegistrationPolicy;

/// Refuses where an administrator closed registration. A client may still end its own.
///
/// # Errors
/// [`RegistrationRefusal::Closed`].
pub fn check_open(policy: RegistrationPolicy) -> Result<(), RegistrationRefusal> {
    match policy {
        RegistrationPolicy::Open => Ok(()),
        RegistrationPolicy::Closed => Err(RegistrationRefusal::Closed),
    }
}
