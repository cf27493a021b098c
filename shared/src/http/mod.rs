//! The manners of an HTTP server, the same for both.

mod address_range;

pub use address_range::AddressRange;
