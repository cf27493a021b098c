//! Which HTTP methods the MCP endpoint has: POST always; GET and DELETE in legacy sessions only.

use super::era::{self, Era};
use http::{HeaderMap, Method};

/// `Allow` without sessions, and to clients of 2026-07-28 (which removed them).
pub const ALLOW_STATELESS: &str = "POST, OPTIONS";
/// `Allow` where legacy sessions are on.
pub const ALLOW_WITH_SESSIONS: &str = "GET, POST, DELETE, OPTIONS";

/// Checks a method.
///
/// # Errors
/// What `Allow` says.
pub fn check(method: &Method, headers: &HeaderMap, sessions: bool) -> Result<(), &'static str> {
    let with_sessions = sessions && era::of_headers(headers) == Era::Legacy;
    match *method {
        Method::POST => Ok(()),
        Method::GET | Method::DELETE if with_sessions => Ok(()),
        _ => Err(allow(with_sessions)),
    }
}

/// The value of `Allow`.
pub const fn allow(sessions: bool) -> &'static str {
    if sessions { ALLOW_WITH_SESSIONS } else { ALLOW_STATELESS }
}
