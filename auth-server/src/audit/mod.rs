//! The record of security-relevant acts.
