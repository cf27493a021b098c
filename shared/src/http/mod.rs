//! The manners of an HTTP server, the same for both.
//!
//! [`Manner`]s go around requests in one layer:
//! `ClientAddresses::new(proxies).and(RequestIds::new(&random, tracer)).and(AccessLog::new(metrics)).and(SecurityHeaders::new(&url)).layer()`.
//! [`Cors`] and [`NoStore`] go around the routes they are for.

mod access_log;
mod address_range;
mod body_limit;
mod client_address;
mod connection_cap;
mod cors;
mod guarded_io;
mod health;
mod listen;
mod manner;
mod metrics_router;
mod peer_service;
mod rate_limit_headers;
mod request_id;
mod security_headers;
mod serve;
mod signal;
mod withheld;

pub use access_log::{ACCESS_LOG_TARGET, AccessLog, RefusalReason};
pub use address_range::AddressRange;
pub use body_limit::{BODY_TIMEOUT, BodyLimit, BodyRefusal, MCP_BODY_BYTES, OAUTH_BODY_BYTES, read_body};
pub use client_address::{AddressBlock, ClientAddress, ClientAddresses, PeerAddress};
pub use connection_cap::ConnectionCap;
pub use cors::Cors;
pub use health::{DatabaseCheck, HEALTH_PATHS, ReadinessCheck, health_router};
pub use listen::{BindError, bind};
pub use manner::{Manner, MannerFuture, MannerLayer, Mannered};
pub use metrics_router::{METRICS_PATH, metrics_router};
pub use rate_limit_headers::set_rate_limit_headers;
#[cfg(test)]
pub(crate) use request_id::on_behalf_of;
pub use request_id::{CurrentRequest, RequestId, RequestIds, X_REQUEST_ID, carried, current_request};
pub use security_headers::{NoStore, SecurityHeaders, set_content_security_policy, set_no_store};
pub use serve::{DRAIN, HEADER_LINES_MAX, ServeLimits, serve, serve_within};
pub use signal::cancel_on_signal;
