//! Which addresses may stand beside which, and beside which URL.

use super::{Problem, PublicUrl, SharedSettings};
use std::net::SocketAddr;

/// The problem, if metrics are to be told where the public is served: `key` is the setting that says where.
pub fn check_metrics_apart(key: &str, metrics: &[SocketAddr], public: &[SocketAddr]) -> Option<Problem> {
    let is_public = |address: &&SocketAddr| public.iter().any(|other| overlap(**address, *other));
    let address = metrics.iter().find(is_public)?;
    Some(Problem::new(key, format!("{address} is where the public is served; metrics need a port of their own")))
}

/// What may be meant so where a server is reached, and mostly is not: `table` is where `public_url` and `listen` are set.
pub fn listener_warnings(
    shared: &SharedSettings,
    table: &str,
    public_url: &PublicUrl,
    listen: &[SocketAddr],
) -> Vec<Problem> {
    // Behind a proxy another port is as it should be.
    let has_proxy = !shared.trusted_proxies.is_empty();
    warn_of_other_port(table, public_url, listen).filter(|_| !has_proxy).into_iter().collect()
}

/// A warning, if nothing listens on the port that `public_url` has.
fn warn_of_other_port(table: &str, public_url: &PublicUrl, listen: &[SocketAddr]) -> Option<Problem> {
    let is_meant = |address: &SocketAddr| address.port() == public_url.port() || address.port() == 0;
    if listen.is_empty() || listen.iter().any(is_meant) {
        return None;
    }
    let message = format!(
        "has port {}, on which nothing listens ({table}.listen): nobody gets here unless a proxy or a port mapping leads here",
        public_url.port()
    );
    Some(Problem::new(format!("{table}.public_url"), message))
}

/// Whether one port cannot be had for both. Port 0 is any that is free.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    same_address && one.port() == other.port() && one.port() != 0
}

#[cfg(test)]
mod tests {
    use super::{check_metrics_apart, warn_of_other_port};
    use crate::config::PublicUrl;
    use std::net::SocketAddr;

    #[test]
    fn metrics_have_a_port_of_their_own() {
        let addresses =
            |text: &str| text.split_whitespace().map(|each| each.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let problem = |metrics, public| check_metrics_apart("k", &addresses(metrics), &addresses(public)).is_some();
        assert!(problem("127.0.0.1:9401 127.0.0.1:9400", "[::1]:9400 127.0.0.1:9400"));
        assert!(problem("127.0.0.1:9400", "0.0.0.0:9400") && problem("[::]:9400", "127.0.0.1:9400"));
        assert!(
            !problem("127.0.0.1:9401", "0.0.0.0:9400") && !problem("127.0.0.1:0", "127.0.0.1:0") && !problem("", "")
        );
    }

    #[test]
    fn a_url_has_a_port_that_is_listened_on() {
        let warning = |url, listen: &str| {
            let listen: Vec<SocketAddr> = listen.split_whitespace().map(|each| each.parse().unwrap()).collect();
            warn_of_other_port("t", &PublicUrl::parse(url).unwrap(), &listen).map(|warning| warning.to_string())
        };
        let told = warning("http://localhost:9700", "127.0.0.1:9400 [::1]:9400").unwrap_or_default();
        assert!(told.contains("t.public_url") && told.contains("9700") && told.contains("t.listen"), "{told}");
        assert!(warning("https://auth.example.com", "0.0.0.0:9400").is_some_and(|told| told.contains("443")));
        for (url, listen) in [
            ("http://localhost:9400", "127.0.0.1:9999 [::1]:9400"),
            ("https://auth.example.com", "0.0.0.0:443"),
            ("http://localhost:9700", "127.0.0.1:0"),
            ("http://localhost:9700", ""),
        ] {
            assert_eq!(warning(url, listen), None, "{url} {listen}");
        }
    }
}
