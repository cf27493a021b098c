//! What is issued: access tokens and their lifetimes.
