//! Every setting of the resource server. The comments make the sample (`config print`) and the reference in `docs/`.

mod issuer_url;
mod tool_limit;
mod trusted_issuer;

pub use issuer_url::IssuerUrl;
pub use tool_limit::ToolLimit;
pub use trusted_issuer::{ClientProof, IntrospectionRule, SignatureAlgorithm, TrustedIssuerSettings};

use crate::{builtin_resource, mcp::host_and_origin::HostAndOrigin};
use shared::{
    config::{
        ByteSize, ConfigurationError, DurationSeconds, Problem, PublicUrl, SettingsList, SharedSettings, Sources,
        between, check_metrics_apart, listener_warnings,
    },
    db::DatabaseUrl,
    protocol::{access_token_claims::ACCESS_TOKEN_TTL_SECONDS, jwt::AssertionSigner, token_algorithm::TokenAlgorithm},
    secret::Secret,
};
use std::{collections::HashSet, net::SocketAddr};

shared::settings! {
    /// The resource server.
    pub struct ResourceServerSettings in "resource_server" {
        /// The URL under which the world reaches this server, without the path of the MCP endpoint. Plain http is for loopback only; any other
        /// URL is https, ended by a proxy in front. It never comes from a request.
        public_url: PublicUrl = "http://localhost:9500",
        /// The path of the MCP endpoint. The public URL with this path is the resource: what people type into their client, and the audience of
        /// every token, byte for byte. "/" puts it at the root: then the resource is the public URL alone.
        mcp_path: String = "/mcp" where check_path,
        /// How people know this resource: on the consent page and in its metadata.
        name: String = "Postern" where check_name,
        /// The addresses to listen on.
        listen: Vec<SocketAddr> = "127.0.0.1:9500, [::1]:9500",
        /// The addresses to tell metrics on (`/metrics`, for Prometheus), for example 127.0.0.1:9501. None by default. They say how much is going on,
        /// so no address that strangers reach.
        metrics_listen: Vec<SocketAddr> = "",
        /// What the authorization server signs tokens for this resource with: ES256, or RS256 for verifiers that know nothing else.
        token_algorithm: TokenAlgorithm = "ES256",
        /// How long access tokens for this resource live, from 60 seconds to 24 hours. Without it the authorization server's lifetime counts.
        access_token_lifetime: Option<DurationSeconds> where check_lifetime,
        /// The authorization server: its public URL, byte for byte as it is written there. The one-command `postern` takes
        /// `auth_server.public_url` instead.
        issuer: PublicUrl = "http://localhost:9400",
        /// Whether this server belongs to the authorization server that `issuer` names: it enrols there, takes its tokens and follows its
        /// revocations. Off: the `trusted_issuers` alone count, and neither a client nor a key is needed. The one-command `postern` needs it on.
        own_authorization_server: bool = true,
        /// The client that `auth-server resource-server add` made for this server. The one-command `postern` needs neither this nor a key.
        client_id: Option<String>,
        /// That client's private key: P-256 as PKCS#8 PEM, in the file that the same command wrote.
        private_key: Option<Secret> where check_private_key,
        /// The database: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`. Without it `resource-server.sqlite` in the data directory.
        database_url: Option<DatabaseUrl>,
        /// Web pages that may call the MCP endpoint from a browser, as origins (https://app.example.com; port * for any). Pages of this origin
        /// always may, and pages on loopback when the public URL is loopback.
        allowed_origins: Vec<String> = "",
        /// Names beyond that of the public URL that requests may give as Host: what a proxy in front sends, with a port or for all ports.
        allowed_hosts: Vec<String> = "",
        /// How many requests a minute one user may make with one client; the next one is answered with 429.
        requests_per_minute: u32 = "120" where between(1, 1_000_000),
        /// Limits of single tools, within that: how many calls of a tool one user may make in a minute with one client. Tools that are not listed
        /// have no limit of their own.
        tool_limits: Vec<ToolLimit> = "" where |limits: &Vec<ToolLimit>| check_tool_limits(limits),
        /// How many calls one user may have running at a time with one client. An answer of more than 64 KiB counts as well, until its client has
        /// taken it or `call_timeout` is over.
        concurrent_calls: u32 = "32" where between(1, 10_000),
        /// How many streams that listen one user may have open at a time with one client.
        open_streams: u32 = "16" where between(1, 10_000),
        /// The longest request body. However long it may be, it has at most 20000 JSON values, nested at most 64 deep; more are answered with 400.
        body_max: ByteSize = "1MiB" where between(1024, 67_108_864),
        /// How long the body of a request may take to arrive.
        body_timeout: DurationSeconds = "15s" where between(1, 600),
        /// How long one call may take, and the stream of its answer.
        call_timeout: DurationSeconds = "60s" where between(1, 3_600),
        /// How many tokens that were never ours one address block (IPv4 /24, IPv6 /64) may send in a minute before more of them are answered 429.
        forged_tokens_per_minute: u32 = "60" where between(1, 1_000_000),
        /// Sessions for clients of the revisions before 2026-07-28 that need the server to send them requests. With `shared.redis_url` any
        /// instance serves them; without, they live in this process, and a client must come back to it. Off: every request stands alone.
        legacy_sessions: bool = false,
        /// A legacy session ends after this long without a message.
        legacy_session_idle: DurationSeconds = "30m" where between(10, 86_400),
        /// A legacy session ends after this long, however busy; the client then opens another.
        legacy_session_lifetime: DurationSeconds = "24h" where between(60, 2_592_000),
        /// How many legacy sessions one user may have open at a time with one client; opening another closes the one that was idle longest.
        legacy_sessions_per_user: u32 = "16" where between(1, 1_000),
    }
}

fn check_path(path: &String) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~');
    if path == "/" {
        return Ok(());
    }
    let well_formed = path.starts_with('/') && !path.ends_with('/') && path.bytes().all(plain);
    if !well_formed || path.contains("//") || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(format!("{path:?} is no plain path; write one like \"/mcp\", without a slash at its end"));
    }
    let taken = ["/health", "/livez", "/readyz"].contains(&path.as_str()) || path.starts_with("/.well-known");
    if taken { Err(format!("{path:?} is a path that this server answers itself")) } else { Ok(()) }
}

#[expect(clippy::ptr_arg, reason = "a check takes the type of its setting")]
fn check_name(name: &String) -> Result<(), String> {
    let readable = !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if readable { Ok(()) } else { Err("is to be a name of 1 to 100 characters".to_owned()) }
}

fn check_tool_limits(limits: &[ToolLimit]) -> Result<(), String> {
    let mut seen = HashSet::new();
    match limits.iter().find(|limit| !seen.insert(&limit.tool)) {
        Some(twice) => Err(format!("{:?} is there twice", twice.tool)),
        None => Ok(()),
    }
}

fn check_lifetime(lifetime: &Option<DurationSeconds>) -> Result<(), String> {
    let seconds = lifetime.map(DurationSeconds::seconds);
    let refused = seconds.is_some_and(|seconds| !ACCESS_TOKEN_TTL_SECONDS.contains(&seconds));
    if refused { Err("is to be from 60 seconds to 24 hours".to_owned()) } else { Ok(()) }
}

fn check_private_key(key: &Option<Secret>) -> Result<(), String> {
    let unusable = key.as_ref().is_some_and(|key| AssertionSigner::from_pkcs8_pem(key.expose()).is_err());
    if unusable { Err("is no P-256 key in PKCS#8 PEM".to_owned()) } else { Ok(()) }
}

/// All that the resource server is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What both servers share.
    pub shared: SharedSettings,
    /// Its own.
    pub resource_server: ResourceServerSettings,
    /// `[[resource_server.trusted_issuers]]`.
    pub trusted_issuers: Vec<TrustedIssuerSettings>,
}

/// The name of the database file in the data directory.
pub const DATABASE_FILE: &str = "resource-server.sqlite";

impl Settings {
    /// The settings that `sources` give.
    ///
    /// # Errors
    /// Everything that is wrong, all at once, settings that contradict each other included.
    pub fn load(sources: &Sources) -> Result<Self, ConfigurationError> {
        type Tables = (SharedSettings, ResourceServerSettings, SettingsList<TrustedIssuerSettings>);
        let (shared, resource_server, SettingsList(trusted_issuers)) = sources.load::<Tables>()?;
        let settings = Self { shared, resource_server, trusted_issuers };
        ConfigurationError::unless_empty(settings.contradictions())?;
        Ok(settings)
    }

    /// Where the database is.
    pub fn database(&self) -> DatabaseUrl {
        self.shared.database(self.resource_server.database_url.as_ref(), DATABASE_FILE)
    }

    /// The resource: what clients are pointed at and what tokens must be for.
    pub fn resource(&self) -> String {
        format!("{}{}", self.resource_server.public_url.as_str(), self.endpoint_path())
    }

    /// What the path of the MCP endpoint adds to the URLs about it: nothing at the root.
    pub fn endpoint_path(&self) -> &str {
        self.resource_server.mcp_path.trim_end_matches('/')
    }

    /// Everybody whose tokens are taken: our own authorization server first, where there is one.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        let own = self.resource_server.own_authorization_server.then(|| self.resource_server.issuer.as_str());
        own.into_iter().chain(self.trusted_issuers.iter().map(|trusted| trusted.issuer.as_str()))
    }

    /// What may be meant so, and mostly is not.
    pub fn warnings(&self) -> Vec<Problem> {
        let own = &self.resource_server;
        let mut warnings = listener_warnings(&self.shared, "resource_server", &own.public_url, &own.listen);
        let tools: Vec<String> = builtin_resource::scopes().into_iter().flat_map(|scope| scope.tools).collect();
        warnings.extend(own.tool_limits.iter().filter(|limit| !tools.contains(&limit.tool)).map(|limit| {
            let message =
                format!("{:?} is no tool here, so nothing is limited; there are {}", limit.tool, tools.join(", "));
            Problem::new("resource_server.tool_limits", message)
        }));
        warnings
    }

    fn contradictions(&self) -> Vec<Problem> {
        let own = &self.resource_server;
        let mut problems = trusted_issuer::contradictions(own, &self.trusted_issuers);
        if own.listen.is_empty() {
            problems.push(Problem::new("resource_server.listen", "names no address to listen on"));
        }
        problems.extend(check_metrics_apart("resource_server.metrics_listen", &own.metrics_listen, &own.listen));
        if !own.public_url.path().is_empty() {
            let message = "has a path; put the path of the MCP endpoint into resource_server.mcp_path";
            problems.push(Problem::new("resource_server.public_url", message));
        }
        if own.own_authorization_server && own.public_url.origin() == own.issuer.as_str() {
            let message = "is the URL of the authorization server; each server has an origin of its own";
            problems.push(Problem::new("resource_server.public_url", message));
        }
        if let Err(origin) = HostAndOrigin::new(&own.public_url, &own.allowed_hosts, &own.allowed_origins) {
            let message = format!("{origin:?} is no origin; write one like https://app.example.com");
            problems.push(Problem::new("resource_server.allowed_origins", message));
        }
        problems
    }

    /// What is missing for a server of its own, whose identity is not handed over in memory.
    ///
    /// # Errors
    /// The settings to add.
    pub fn check_identity(&self) -> Result<(), ConfigurationError> {
        let own = &self.resource_server;
        if !own.own_authorization_server {
            return Ok(());
        }
        let made_by =
            "is missing; `auth-server resource-server add NAME --origin URL --key-file FILE` makes client and key";
        let missing = [("client_id", own.client_id.is_none()), ("private_key", own.private_key.is_none())];
        let problems = missing.into_iter().filter(|(_, missing)| *missing);
        ConfigurationError::unless_empty(
            problems.map(|(key, _)| Problem::new(format!("resource_server.{key}"), made_by)).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use shared::config::Sources;

    fn load(toml: &str) -> Result<Settings, String> {
        let sources = Sources::new().with_file_text("postern.toml", toml).map_err(|error| error.to_string())?;
        Settings::load(&sources).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_work() {
        let settings = load("").expect("settings");
        assert_eq!(settings.resource(), "http://localhost:9500/mcp");
        assert_eq!(settings.resource_server.requests_per_minute, 120);
        assert_eq!(settings.resource_server.body_max.bytes(), 1024 * 1024);
        let missing = settings.check_identity().expect_err("no client").to_string();
        assert!(missing.contains("resource_server.client_id") && missing.contains("resource_server.private_key"));
    }

    #[test]
    fn at_the_root_the_resource_is_the_public_url() {
        let settings = load("[resource_server]\nmcp_path = \"/\"\n").expect("settings");
        assert_eq!((settings.resource().as_str(), settings.endpoint_path()), ("http://localhost:9500", ""));
    }

    #[test]
    fn a_limit_of_a_tool_that_is_none_is_warned_of() {
        let warnings = |limits: &str| {
            let settings = load(&format!("[resource_server]\ntool_limits = {limits}\n")).expect("usable");
            settings
                .warnings()
                .into_iter()
                .filter(|warning| warning.key == "resource_server.tool_limits")
                .collect::<Vec<_>>()
        };
        assert!(warnings("[\"whoami=1\", \"create_event=2\"]").is_empty());
        let [warning] = &warnings("[\"whoami=1\", \"create_events=2\"]")[..] else { panic!("one") };
        assert!(
            warning.message.starts_with("\"create_events\" is no tool") && warning.message.contains("create_event,")
        );
    }

    #[test]
    fn everything_unusable_is_named_at_once() {
        let error = load(
            "[resource_server]\nmcp_path = \"mcp/\"\nname = \"\"\nprivate_key = \"x\"\nrequests_per_minute = 0\npublic_urls = \"\"\n",
        )
        .expect_err("unusable");
        for key in ["mcp_path", "name", "private_key", "requests_per_minute", "public_urls"] {
            assert!(error.contains(&format!("resource_server.{key}")), "{key} in {error}");
        }
        let error = load(
            "[resource_server]\npublic_url = \"http://localhost:9400\"\nlisten = []\nallowed_origins = [\"app\"]\n",
        )
        .expect_err("contradictions");
        for words in ["listen", "authorization server", "allowed_origins"] {
            assert!(error.contains(words), "{words} in {error}");
        }
        for path in ["", "//", "/mcp/", "/a//b", "/a/../b", "/a b", "/.well-known/x", "/readyz", "/mcp?x"] {
            assert!(load(&format!("[resource_server]\nmcp_path = \"{path}\"\n")).is_err(), "{path}");
        }
    }
}
