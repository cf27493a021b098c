//! How answers of the OAuth endpoints are rendered.
