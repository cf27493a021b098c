//! MCP over HTTP: eras, the JSON-RPC envelope, bodies, sessions, streams.

pub mod allow_link;
pub mod batch;
pub mod cors;
pub mod end_stream;
pub mod endpoint_methods;
pub mod envelope;
pub mod era;
pub mod host_and_origin;
pub mod json_rpc_error;
pub mod request_id;
pub mod sessions;
pub mod tools_list;
