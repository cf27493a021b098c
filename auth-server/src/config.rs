//! Every setting of the authorization server. The comments make the sample (`config print`) and the reference in `docs/`.

use crate::{
    clients::redirect_uri::FORBIDDEN_SCHEMES,
    key_lifecycle::times::{ROTATION_PERIOD_MAX_SECONDS, ROTATION_PERIOD_MIN_SECONDS},
    tokens::lifetimes::REFRESH_GRACE_MAX_SECONDS,
};
use shared::{
    config::{
        ConfigurationError, DurationSeconds, Problem, PublicUrl, SharedSettings, Sources, between, check_metrics_apart,
        listener_warnings,
    },
    db::DatabaseUrl,
    http::AddressRange,
    protocol::{access_token_claims::ACCESS_TOKEN_TTL_SECONDS, resource_indicator::ResourceIndicator},
};
use std::net::SocketAddr;

/// Who may register clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Anybody (RFC 7591): MCP clients do it by themselves.
    Open,
    /// Nobody but the command line: the endpoint is neither routed nor advertised.
    Closed,
}

shared::setting_choice!(RegistrationPolicy { Open = "open", Closed = "closed" });

shared::settings! {
    /// The authorization server.
    pub struct AuthServerSettings in "auth_server" {
        /// The URL under which the world reaches this server: the issuer, byte for byte, in every document and token. Plain http is for loopback
        /// only; any other URL is https, ended by a proxy in front. It never comes from a request.
        public_url: PublicUrl = "http://localhost:9400",
        /// The addresses to listen on.
        listen: Vec<SocketAddr> = "127.0.0.1:9400, [::1]:9400",
        /// The addresses to tell metrics on (`/metrics`, for Prometheus), for example 127.0.0.1:9401. None by default. They say how much is going on,
        /// so no address that strangers reach.
        metrics_listen: Vec<SocketAddr> = "",
        /// The database: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`. Without it `auth-server.sqlite` in the data directory.
        database_url: Option<DatabaseUrl>,
        /// How long an access token lives, unless its resource says otherwise.
        access_token_lifetime: DurationSeconds = "15m" where between(ACCESS_TOKEN_TTL_SECONDS.start().unsigned_abs(), ACCESS_TOKEN_TTL_SECONDS.end().unsigned_abs()),
        /// A connection that is not used for this long ends.
        refresh_idle_lifetime: DurationSeconds = "7d" where between(3_600, 31_536_000),
        /// A connection ends after this long, however much it is used.
        refresh_absolute_lifetime: DurationSeconds = "90d" where between(3_600, 63_072_000),
        /// For how long a refresh token that was just used still answers with its successor (parallel and lost refreshes), unless its client
        /// says otherwise.
        refresh_grace: DurationSeconds = "120s" where between(0, REFRESH_GRACE_MAX_SECONDS.unsigned_abs()),
        /// How long a signing key signs before the next one takes over, from a day to a year. A stolen key that nobody noticed is worth something
        /// for at most this long, and a day.
        key_rotation_period: DurationSeconds = "30d" where between(ROTATION_PERIOD_MIN_SECONDS.into(), ROTATION_PERIOD_MAX_SECONDS.into()),
        /// How many tokens one machine (client credentials) may take in a minute.
        machine_tokens_per_minute: u32 = "600" where between(1, 100_000_000),
        /// How many requests one administrator, or one machine that administers, may send to the administration interface in a minute.
        administration_requests_per_minute: u32 = "120" where between(1, 1_000_000),
        /// How many times one connection may be refreshed in a minute, by all processes that share it.
        refreshes_per_minute: u32 = "120" where between(10, 1_000_000),
        /// A browser in which nobody did anything for this long is signed out.
        session_idle_lifetime: DurationSeconds = "12h" where between(300, 2_592_000),
        /// A browser is signed out this long after the password was given, however much it is used.
        session_absolute_lifetime: DurationSeconds = "7d" where between(900, 31_536_000),
        /// Who may register clients: open (MCP clients register themselves) or closed (only `client add` does).
        registration: RegistrationPolicy = "open",
        /// Schemes beyond https and loopback http that a client may register as redirect URI (RFC 8252 section 7.1). Any program on a person's
        /// machine can claim one, so keep the list short. What a browser would execute or read can never be listed.
        redirect_schemes: Vec<String> = "claude, cursor, vscode, vscode-insiders, windsurf" where check_schemes,
        /// How many clients one address block (IPv4 /24, IPv6 /64) may register in an hour.
        registrations_per_block_per_hour: u32 = "120" where between(1, 1_000_000),
        /// How many clients everybody together may register in an hour.
        registrations_per_hour: u32 = "6000" where between(1, 10_000_000),
        /// Addresses from which many people's clients come; only the hourly total counts for them. The default is where Claude's come from.
        registration_shared_egress: Vec<AddressRange> = "160.79.104.0/21",
        /// For how long audit events are kept; the oldest go first, and what is kept can still be verified.
        audit_retention: DurationSeconds = "400d" where between(86_400, 315_360_000),
        /// The resource of requests that name none (clients older than RFC 8707). Without it such requests are refused with invalid_target; the
        /// one-command `postern` sets it to its own resource.
        default_resource: Option<String> where check_resource,
    }
}

fn check_schemes(schemes: &Vec<String>) -> Result<(), String> {
    for scheme in schemes {
        let starts_well = scheme.starts_with(|c: char| c.is_ascii_lowercase());
        let is_scheme = starts_well
            && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(format!("{scheme:?} is not a scheme; write it in lower case without \"://\""));
        }
        if FORBIDDEN_SCHEMES.contains(&scheme.as_str()) || matches!(scheme.as_str(), "http" | "https") {
            return Err(format!("{scheme:?} cannot be allowed as a redirect scheme"));
        }
    }
    Ok(())
}

fn check_resource(resource: &Option<String>) -> Result<(), String> {
    match resource.as_deref().map(ResourceIndicator::parse) {
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// All that the authorization server is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What both servers share.
    pub shared: SharedSettings,
    /// Its own.
    pub auth_server: AuthServerSettings,
}

/// The name of the database file in the data directory.
pub const DATABASE_FILE: &str = "auth-server.sqlite";

impl Settings {
    /// The settings that `sources` give.
    ///
    /// # Errors
    /// Everything that is wrong, all at once, settings that contradict each other included.
    pub fn load(sources: &Sources) -> Result<Self, ConfigurationError> {
        let (shared, auth_server) = sources.load::<(SharedSettings, AuthServerSettings)>()?;
        let settings = Self { shared, auth_server };
        ConfigurationError::unless_empty(settings.contradictions())?;
        Ok(settings)
    }

    /// Where the database is.
    pub fn database(&self) -> DatabaseUrl {
        self.shared.database(self.auth_server.database_url.as_ref(), DATABASE_FILE)
    }

    /// What may be meant so, and mostly is not.
    pub fn warnings(&self) -> Vec<Problem> {
        let own = &self.auth_server;
        listener_warnings(&self.shared, "auth_server", &own.public_url, &own.listen)
    }

    fn contradictions(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let own = &self.auth_server;
        if own.listen.is_empty() {
            problems.push(Problem::new("auth_server.listen", "names no address to listen on"));
        }
        problems.extend(check_metrics_apart("auth_server.metrics_listen", &own.metrics_listen, &own.listen));
        if own.refresh_idle_lifetime > own.refresh_absolute_lifetime {
            let message =
                "is longer than auth_server.refresh_absolute_lifetime, after which the connection ends anyway";
            problems.push(Problem::new("auth_server.refresh_idle_lifetime", message));
        }
        if own.session_idle_lifetime > own.session_absolute_lifetime {
            let message =
                "is longer than auth_server.session_absolute_lifetime, after which the browser is signed out anyway";
            problems.push(Problem::new("auth_server.session_idle_lifetime", message));
        }
        problems
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
    fn defaults_are_the_documented_ones() {
        let settings = load("").expect("defaults");
        let own = &settings.auth_server;
        assert_eq!(own.public_url.as_str(), "http://localhost:9400");
        assert_eq!(own.listen.len(), 2);
        assert_eq!((own.access_token_lifetime.seconds(), own.refresh_grace.seconds()), (900, 120));
        assert_eq!(
            (own.refresh_idle_lifetime.seconds(), own.refresh_absolute_lifetime.seconds()),
            (604_800, 7_776_000)
        );
        assert!(own.redirect_schemes.contains(&"cursor".to_owned()));
        assert_eq!(settings.database().sqlite_file(), Some("./data/auth-server.sqlite".as_ref()));
    }

    #[test]
    fn weak_or_contradictory_settings_are_refused() {
        for (toml, named) in [
            ("redirect_schemes = [\"javascript\"]", "javascript"),
            ("redirect_schemes = [\"Cursor\"]", "lower case"),
            ("public_url = \"http://auth.example.com\"", "public_url"),
            ("listen = []", "listen"),
            ("refresh_idle_lifetime = \"100d\"", "refresh_absolute_lifetime"),
            ("session_idle_lifetime = \"8d\"", "session_absolute_lifetime"),
            ("session_idle_lifetime = \"1m\"", "session_idle_lifetime"),
            ("session_absolute_lifetime = \"2y\"", "session_absolute_lifetime"),
            ("audit_retention = \"1h\"", "audit_retention"),
            ("access_token_lifetime = \"2d\"", "access_token_lifetime"),
            ("default_resource = \"nonsense\"", "default_resource"),
            ("acess_token_lifetime = 60", "access_token_lifetime"),
        ] {
            let error = load(&format!("[auth_server]\n{toml}\n")).expect_err(toml);
            assert!(error.contains(named), "{toml}: {error}");
        }
    }
}
