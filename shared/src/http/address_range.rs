//! A range of addresses (CIDR, RFC 4632): who is trusted as a proxy.

use crate::config::{Given, Kind, SettingValue};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that agree in their first bits: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    prefix_bits: u8,
}

impl AddressRange {
    /// Whether `address` lies in the range. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_bits)).unwrap_or(0);
                first.to_bits() == address.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_bits)).unwrap_or(0);
                first.to_bits() == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl AddressRange {
    /// Whether every address of its family lies in it.
    pub fn is_everybody(&self) -> bool {
        self.prefix_bits == 0
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unusable = || format!("{text:?} is not an address range");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| unusable())?;
        let all_bits: u8 = if first.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(all_bits), str::parse::<u8>).map_err(|_| unusable())?;
        if prefix_bits > all_bits {
            return Err(unusable());
        }
        if matches!(first, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
            return Err(format!("{text:?} is an IPv4 address in IPv6 clothes; write the IPv4 address"));
        }
        let range = Self { first, prefix_bits };
        if range.contains(first) {
            Ok(range)
        } else {
            Err(format!("{text:?} has bits set after its first {prefix_bits}"))
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

impl SettingValue for AddressRange {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"10.0.0.0/8\"";

    fn expected() -> String {
        "an address or a range of them, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        given.scalar()?.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::AddressRange;

    #[test]
    fn contains_what_agrees_in_the_first_bits() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::/0", "2001:db8::1", true),
            ("::1", "::1", true),
            ("172.16.0.0/12", "172.31.255.255", true),
            ("172.16.0.0/12", "172.32.0.0", false),
        ];
        for (range, address, inside) in cases {
            let range: AddressRange = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{range} {address}");
        }
    }

    #[test]
    fn refuses_what_is_no_range() {
        for text in
            ["", "10.0.0.0/33", "10.0.0.1/8", "::/129", "example.com", "10.0.0.0/-1", "10.0.0/8", "::ffff:10.0.0.0/104"]
        {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }
}
