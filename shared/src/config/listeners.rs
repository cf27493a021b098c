//! Which addresses may stand beside which.

use super::Problem;
use std::net::SocketAddr;

/// The problem, if metrics are to be told where the public is served: `key` is the setting that says where.
pub fn check_metrics_apart(key: &str, metrics: &[SocketAddr], public: &[SocketAddr]) -> Option<Problem> {
    let is_public = |address: &&SocketAddr| public.iter().any(|other| overlap(**address, *other));
    let address = metrics.iter().find(is_public)?;
    Some(Problem::new(key, format!("{address} is where the public is served; metrics need a port of their own")))
}

/// Whether one port cannot be had for both. Port 0 is any that is free.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    same_address && one.port() == other.port() && one.port() != 0
}

#[cfg(test)]
mod tests {
    use super::check_metrics_apart;
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
}
