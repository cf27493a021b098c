//! Consent: what a person is asked, what is remembered of the answer.

pub mod allowed;
pub mod destination;
pub mod remember;

pub use destination::Destination;
pub use remember::Subject;
