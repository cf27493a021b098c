//! What a server does by itself, over and over.

pub mod sweep;

pub use sweep::sweep;
