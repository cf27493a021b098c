//! The guard of this server's own management endpoints.
