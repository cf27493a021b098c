//! Where things are: the paths that one server publishes and the other one calls, each below the issuer's own path.

/// Authorization server metadata (RFC 8414 §3). Clients also look for it inserted before the issuer's path.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// OpenID Connect Discovery 1.0 §4.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Protected resource metadata (RFC 9728 §3), inserted before the path of the resource.
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
/// The issuer's public keys (RFC 7517 §5).
pub const JWKS: &str = "/.well-known/jwks.json";
/// The token endpoint (RFC 6749 §3.2).
pub const TOKEN: &str = "/oauth2/token";
/// The introspection endpoint (RFC 7662 §2).
pub const INTROSPECT: &str = "/oauth2/introspect";
/// The issuer's own interface: what tokens for it have as audience.
pub const API: &str = "/api";
/// What resource servers protect.
pub const RESOURCES: &str = "/api/resources";
/// Where a person adds scopes to a grant: `?grant=ID&scope=SCOPES`. Resource servers give out the link.
pub const STEP_UP: &str = "/step-up";
/// What was revoked, by polling (RFC 8936).
pub const EVENTS: &str = "/api/events";
