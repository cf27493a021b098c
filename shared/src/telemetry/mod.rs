//! Logs. Libraries only speak through `tracing`; binaries decide where it goes.

mod log_format;

pub use log_format::LogFormat;
