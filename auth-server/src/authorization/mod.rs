//! The authorization request (RFC 6749 §4.1): one check a file, their order in this list, the driver and the decision.
