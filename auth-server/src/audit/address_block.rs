//! Where a request came from, coarse enough to name a network and no person.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Bits of an IPv4 address that name its block.
const IPV4_PREFIX_BITS: u32 = 24;
/// Bits of an IPv6 address that name its block: what one site usually gets (RFC 6177).
const IPV6_PREFIX_BITS: u32 = 48;

/// An IPv4 /24 or an IPv6 /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The block of an address; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << (32 - IPV4_PREFIX_BITS)))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - IPV6_PREFIX_BITS)))),
        })
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.0.is_ipv4() { IPV4_PREFIX_BITS } else { IPV6_PREFIX_BITS };
        write!(f, "{}/{bits}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::AddressBlock;

    #[test]
    fn hosts_of_one_network_share_a_block() {
        let block = |text: &str| AddressBlock::of(text.parse().expect("address")).to_string();
        assert_eq!(block("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(block("::ffff:192.0.2.9"), "192.0.2.0/24");
        assert_eq!(block("2001:db8:1:2:3::4"), "2001:db8:1::/48");
        assert_ne!(block("192.0.3.77"), block("192.0.2.77"));
    }
}
