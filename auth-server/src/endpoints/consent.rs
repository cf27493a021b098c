//! The consent form's answer.
