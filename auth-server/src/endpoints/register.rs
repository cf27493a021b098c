//! `POST /oauth2/register` (RFC 7591).
