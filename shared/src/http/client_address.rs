//! Whose request it is: the peer's address, or what a trusted proxy says. Matters for limits and logs, never for URLs
//! or permission.

use super::address_range::AddressRange;
use super::manner::Manner;
use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, header};
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// More hops than any chain of proxies; what lies behind is not looked at.
const MAX_HOPS: usize = 16;

/// The other end of the connection; [`serve`](super::serve) puts it on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// The client's address, an IPv4 one in IPv6 clothes as what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// For tests and for callers that know better.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address of the request that has these, or 0.0.0.0 where no [`ClientAddresses`] stands before (in-process tests).
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// The block it lies in, which is what limits count.
    pub fn block(self) -> AddressBlock {
        AddressBlock::of(self.0)
    }
}

/// For handlers.
impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Neighbours that one household or machine can move among: an IPv4 /24 or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The block of `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(Ipv4Addr::from_bits(address.to_bits() & !0xff).into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, if self.0.is_ipv4() { 24 } else { 64 })
    }
}

/// Finds the client's address of each request.
pub struct ClientAddresses {
    trusted_proxies: Vec<AddressRange>,
}

impl ClientAddresses {
    /// Believes the headers of `trusted_proxies` only.
    pub fn new(trusted_proxies: Vec<AddressRange>) -> Self {
        Self { trusted_proxies }
    }

    /// The client behind `peer`, given the headers it sent.
    pub fn resolve(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return ClientAddress(peer);
        }
        let by_x_forwarded_for = self.nearest_untrusted(headers, &X_FORWARDED_FOR, |entry| Some(entry));
        let by_forwarded = self.nearest_untrusted(headers, &header::FORWARDED, forwarded_for);
        match (by_x_forwarded_for, by_forwarded) {
            // A proxy that writes one of the headers passes the other one on as the client wrote it: where they differ,
            // neither is evidence.
            (Some(one), Some(other)) if one != other => ClientAddress(peer),
            (Some(address), _) | (None, Some(address)) => ClientAddress(address),
            (None, None) => ClientAddress(peer),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(address))
    }

    /// Walks from the nearest hop outwards past trusted proxies; what stands behind an entry that is no address was
    /// written by nobody we trust.
    fn nearest_untrusted(
        &self,
        headers: &HeaderMap,
        name: &HeaderName,
        address_in: fn(&str) -> Option<&str>,
    ) -> Option<IpAddr> {
        let lines = headers.get_all(name).iter().rev();
        let mut nearest = None;
        for entry in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).take(MAX_HOPS) {
            // Whatever bytes a client wrote, they hide nothing of what a proxy added behind them.
            let entry = std::str::from_utf8(entry).unwrap_or_default();
            let Some(address) = address_in(entry.trim()).and_then(parse_host) else { break };
            nearest = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        nearest
    }
}

/// The `for=` of one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

/// An address, perhaps in brackets, perhaps with a port.
fn parse_host(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(bracketed).map(|address| address.to_canonical())
}

impl Manner for ClientAddresses {
    type Kept = ();

    fn begin(&self, request: &mut Request) -> Result<(), Box<Response>> {
        if let Some(PeerAddress(peer)) = request.extensions_mut().remove::<PeerAddress>() {
            let address = self.resolve(peer.ip(), request.headers());
            request.extensions_mut().insert(address);
        }
        Ok(())
    }

    fn finish(&self, (): (), _: &mut Response) {}
}

#[cfg(test)]
mod tests {
    use super::{AddressBlock, ClientAddresses};
    use http::{HeaderMap, HeaderName};

    const PROXY: &str = "10.0.0.1";
    const STRANGER: &str = "203.0.113.9";

    fn resolve(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let trusted = vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        ClientAddresses::new(trusted).resolve(peer.parse().unwrap(), &headers).ip().to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(resolve(STRANGER, &[("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")]), STRANGER);
        assert_eq!(resolve("::ffff:203.0.113.9", &[]), STRANGER);
    }

    #[test]
    fn a_trusted_proxy_is_believed_hop_by_hop() {
        let cases: [(&[(&'static str, &str)], &str); 14] = [
            (&[], PROXY),
            (&[("x-forwarded-for", "198.51.100.7")], "198.51.100.7"),
            (&[("x-forwarded-for", "6.6.6.6, 198.51.100.7")], "198.51.100.7"),
            (&[("x-forwarded-for", "6.6.6.6, 198.51.100.7, 10.3.3.3")], "198.51.100.7"),
            (&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.7")], "198.51.100.7"),
            (&[("x-forwarded-for", "198.51.100.7:4711")], "198.51.100.7"),
            (&[("x-forwarded-for", "[2001:db8::5]:4711, 10.1.1.1")], "2001:db8::5"),
            (&[("x-forwarded-for", "6.6.6.6, unknown, 10.3.3.3")], "10.3.3.3"),
            (&[("x-forwarded-for", "6.6.6.6, garbage")], PROXY),
            (&[("x-forwarded-for", "10.9.9.9, 10.3.3.3")], "10.9.9.9"),
            (
                &[("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43, For=\"[2001:db8:cafe::17]:4711\"")],
                "2001:db8:cafe::17",
            ),
            (&[("forwarded", "for=_hidden")], PROXY),
            (&[("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "198.51.100.7")], PROXY),
            (&[("forwarded", "for=198.51.100.7"), ("x-forwarded-for", "198.51.100.7")], "198.51.100.7"),
        ];
        for (lines, expected) in cases {
            assert_eq!(resolve(PROXY, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn blocks_are_24_and_64_bits() {
        let block = |address: &str| AddressBlock::of(address.parse().unwrap());
        assert_eq!(block("203.0.113.9"), block("203.0.113.200"));
        assert_ne!(block("203.0.113.9"), block("203.0.114.9"));
        assert_eq!(block("::ffff:203.0.113.9"), block("203.0.113.1"));
        assert_eq!(block("2001:db8:1:2:3::4"), block("2001:db8:1:2:ffff::"));
        assert_ne!(block("2001:db8:1:2::"), block("2001:db8:1:3::"));
        assert_eq!(block("203.0.113.9").to_string(), "203.0.113.0/24");
        assert_eq!(block("2001:db8:1:2:3::4").to_string(), "2001:db8:1:2::/64");
    }
}
