//! How many connections one block of addresses may hold at a time, so that one network cannot take them all.

use super::{AddressBlock, AddressRange};
use crate::config::SharedSettings;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Whoever is on the machine itself is no stranger: a proxy in front, most of the time.
const THIS_MACHINE: [&str; 2] = ["127.0.0.0/8", "::1"];

/// The connections of each block of addresses, of one server: it is no `Clone`, so that a flood of one takes no place of another's, and whoever
/// watches by the metrics is not blinded with the front.
pub struct ConnectionCap {
    most: usize,
    exempt: Vec<AddressRange>,
    /// No more entries than there are connections.
    open: Mutex<HashMap<AddressBlock, usize>>,
}

impl ConnectionCap {
    /// At most `most` connections a block; those of `exempt` addresses are not counted.
    pub fn new(most: usize, exempt: &[AddressRange]) -> Self {
        Self { most, exempt: exempt.to_vec(), open: Mutex::default() }
    }

    /// What the settings say: trusted proxies carry many people's requests over their connections, and are not counted, nor is this machine.
    pub fn of(settings: &SharedSettings) -> Self {
        let this_machine = THIS_MACHINE.iter().filter_map(|range| range.parse().ok());
        let exempt: Vec<AddressRange> = settings.trusted_proxies.iter().copied().chain(this_machine).collect();
        Self::new(usize::try_from(settings.connections_per_address_block).unwrap_or(usize::MAX), &exempt)
    }

    /// A place for a connection from `address`, kept until it is dropped; `None` when its block has as many as it may.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        if self.exempt.iter().any(|range| range.contains(address)) {
            return Some(Place(None));
        }
        let block = AddressBlock::of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(block).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(self), block))))
    }

    fn leave(&self, block: AddressBlock) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&block) {
            *count -= 1;
            if *count == 0 {
                open.remove(&block);
            }
        }
    }
}

/// One connection's place.
pub(super) struct Place(Option<(Arc<ConnectionCap>, AddressBlock)>);

impl Place {
    /// Whether the connection is a proxy's, which carries many people's requests.
    pub(super) fn is_shared(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((cap, block)) = self.0.take() {
            cap.leave(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionCap;
    use crate::config::{SharedSettings, Sources};
    use std::sync::Arc;

    #[test]
    fn a_block_has_so_many_places_and_gets_them_back() {
        let cap = Arc::new(ConnectionCap::new(2, &["10.0.0.0/8".parse().unwrap()]));
        let admit = |address: &str| cap.admit(address.parse().unwrap());
        let (one, two) = (admit("203.0.113.1"), admit("::ffff:203.0.113.200"));
        assert!(one.is_some() && two.is_some());
        assert!(admit("203.0.113.9").is_none(), "the third of the block");
        assert!(admit("203.0.114.9").is_some(), "another block");
        let proxies: Vec<_> = (0..10).map(|_| admit("10.1.2.3")).collect();
        assert!(proxies.iter().all(Option::is_some), "a proxy is not counted");
        drop(one);
        let again = admit("203.0.113.9");
        assert!(again.is_some() && admit("203.0.113.9").is_none());
        drop((two, again));
        assert!(cap.open.lock().unwrap().is_empty(), "what nobody holds is not remembered");
    }

    #[test]
    fn trusted_proxies_and_this_machine_are_not_counted() {
        let sources = Sources::new()
            .with_flag("shared", "trusted_proxies", "--trusted-proxies", "192.0.2.7")
            .with_flag("shared", "connections_per_address_block", "--connections", "1");
        let cap = Arc::new(ConnectionCap::of(&sources.load::<SharedSettings>().unwrap()));
        for address in ["192.0.2.7", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let places: Vec<_> = (0..3).map(|_| cap.admit(address.parse().unwrap())).collect();
            assert!(places.iter().all(Option::is_some), "{address}");
        }
        let stranger = cap.admit("192.0.2.8".parse().unwrap());
        assert!(stranger.is_some() && cap.admit("192.0.2.9".parse().unwrap()).is_none());
    }
}
