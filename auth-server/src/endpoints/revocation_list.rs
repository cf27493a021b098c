//! `GET /api/revocations`: what was revoked, by long polling.
