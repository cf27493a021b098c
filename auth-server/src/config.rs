//! Every setting of the authorization server.
