//! Client authentication (RFC 6749 §2.3, RFC 7523): one method a file.
