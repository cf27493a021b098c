//! `POST /oauth2/introspect` (RFC 7662).
