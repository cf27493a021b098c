//! The strict parser of form bodies and query strings.
