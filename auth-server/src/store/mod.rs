//! One file a table: SQL constants and functions that state intent. Absent is `Ok(None)`, a lost race is a value.

pub mod audit_chain;
pub mod audit_event;
pub mod audit_key;
pub mod audit_person;
pub mod authorization_grant;
pub mod browser_session;
pub mod change_log;
pub mod client;
pub mod decided_request;
pub mod expired;
pub mod grant_overview;
pub mod job_lease;
pub(crate) mod json_list;
pub mod milestone;
pub mod one_time_link;
pub mod organization;
pub mod organization_member;
pub mod refresh_token;
pub mod remembered_consent;
pub mod resource;
pub mod resource_server;
pub mod sealed_column;
pub mod signing_key;
pub mod successor_key;
pub mod used_assertion;
pub mod user_account;
