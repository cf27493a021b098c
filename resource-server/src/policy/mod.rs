//! Which scopes an operation needs, and which tools a principal sees.

pub mod rule_message;
pub mod scope_policy;
pub mod security_schemes;
