//! Templates and their view types.
