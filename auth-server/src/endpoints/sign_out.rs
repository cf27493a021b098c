//! The sign-out form.
