//! `GET` and `POST /oauth2/authorize` (RFC 6749 §3.1).
