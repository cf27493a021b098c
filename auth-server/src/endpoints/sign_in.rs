//! The sign-in page and its form.
