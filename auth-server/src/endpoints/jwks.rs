//! `GET /.well-known/jwks.json` (RFC 7517).
