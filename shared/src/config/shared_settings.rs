//! `[shared]`: what both servers read.

use super::amount::between;
use super::collector_url::CollectorUrl;
use super::connection_url::RedisUrl;
use crate::http::AddressRange;
use crate::secret::Secret;
use crate::telemetry::LogFormat;
use std::path::PathBuf;

crate::settings! {
    /// What both servers share.
    pub struct SharedSettings in "shared" {
        /// The directory of everything that is kept: databases (unless they are elsewhere), the key-encryption key, the
        /// set-up link. It is made with mode 0700.
        data_dir: PathBuf = "./data",
        /// The key-encryption keys that signing keys and upstream credentials are sealed under: one line a key,
        /// `<id>:<32 random bytes in base64url>`, the first being the one that seals. Without it `key-encryption-key`
        /// in the data directory is used, and made when nothing has been sealed yet. Whoever loses it loses every
        /// signing key; backups of the database never hold it.
        key_encryption_key: Option<Secret>,
        /// The Redis that several instances share for what may vanish: rate counters, legacy MCP sessions, wake-ups.
        /// Without it each instance counts for itself.
        redis_url: Option<RedisUrl>,
        /// How to log: text for people, JSON lines for machines, or auto, which is text on a terminal and JSON
        /// otherwise.
        log_format: LogFormat = "auto",
        /// The proxies whose X-Forwarded-For or Forwarded header is believed, and only for the client's address in
        /// limits and logs.
        trusted_proxies: Vec<AddressRange> = "" where |ranges: &Vec<AddressRange>| not_everybody(ranges),
        /// How many connections one block of addresses (IPv4 /24, IPv6 /64) may hold at a time; more are closed at once.
        /// Trusted proxies and this machine itself are not counted.
        connections_per_address_block: u32 = "1024" where between(1, 1_000_000),
        /// The collector that is told of traces, by OTLP in JSON over HTTP: its address without /v1/traces. Without one nothing is recorded.
        trace_collector_url: Option<CollectorUrl>,
        /// How many of a hundred traces that begin here are recorded. Whoever sends a traceparent decides that for its own.
        trace_percent: u32 = "100" where between(0, 100),
    }
}

/// Whoever believes everybody's X-Forwarded-For lets every caller choose its address, and with it every limit.
fn not_everybody(ranges: &[AddressRange]) -> Result<(), String> {
    match ranges.iter().find(|range| range.is_everybody()) {
        Some(range) => Err(format!("\"{range}\" trusts everybody; name the addresses of the proxies")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::SharedSettings;
    use crate::config::Sources;

    #[test]
    fn trusting_everybody_is_refused() {
        for ranges in ["0.0.0.0/0", "10.0.0.0/8, ::/0"] {
            let sources = Sources::new().with_flag("shared", "trusted_proxies", "--trusted-proxies", ranges);
            assert!(sources.load::<SharedSettings>().is_err(), "{ranges}");
        }
        let sources = Sources::new().with_flag("shared", "trusted_proxies", "--trusted-proxies", "10.0.0.0/8, ::1");
        assert_eq!(sources.load::<SharedSettings>().unwrap().trusted_proxies.len(), 2);
    }
}
