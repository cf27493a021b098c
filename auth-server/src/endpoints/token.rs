//! `POST /oauth2/token` (RFC 6749 §3.2).
