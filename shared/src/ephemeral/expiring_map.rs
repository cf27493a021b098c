//! A bounded map whose entries expire: sharded, each lock held for a look-up only, swept as it grows, the soonest to
//! expire leaving first.

use crate::clock::UnixSeconds;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 64;
/// What an entry takes beside its key and value: hash table slot, lengths, allocation.
const OVERHEAD_BYTES: usize = 96;
/// A shard with fewer entries is not worth sweeping.
const LEAST_SWEEP: usize = 64;

/// The size of a value beyond its place in the map.
pub(super) trait Weight {
    fn weight(&self) -> usize;
}

impl Weight for Vec<u8> {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Weight for u64 {
    fn weight(&self) -> usize {
        0
    }
}

pub(super) struct ExpiringMap<V> {
    hasher: RandomState,
    shards: Box<[Mutex<Shard<V>>]>,
}

pub(super) struct Shard<V> {
    entries: HashMap<Box<str>, Entry<V>>,
    bytes: usize,
    most_bytes: usize,
    inserted_since_sweep: usize,
    left_by_sweep: usize,
}

pub(super) struct Entry<V> {
    pub value: V,
    pub expires_at: UnixSeconds,
}

impl<V: Weight> ExpiringMap<V> {
    /// A map that takes about `most_bytes` at most.
    pub(super) fn new(most_bytes: usize) -> Self {
        let shard = || {
            let most_bytes = most_bytes / SHARDS;
            Mutex::new(Shard {
                entries: HashMap::new(),
                bytes: 0,
                most_bytes,
                inserted_since_sweep: 0,
                left_by_sweep: 0,
            })
        };
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// The part of the map that holds `key`, locked. Nothing in here can panic half-way, so a poisoned lock is as good
    /// as any.
    pub(super) fn shard(&self, key: &str) -> MutexGuard<'_, Shard<V>> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Weight> Shard<V> {
    /// The entry, unless it has expired.
    pub(super) fn get(&mut self, key: &str, now: UnixSeconds) -> Option<&mut Entry<V>> {
        self.entries.get_mut(key).filter(|entry| entry.expires_at > now)
    }

    pub(super) fn remove(&mut self, key: &str, now: UnixSeconds) -> Option<V> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.bytes -= weight(&key, &entry);
        (entry.expires_at > now).then_some(entry.value)
    }

    pub(super) fn insert(&mut self, key: &str, entry: Entry<V>, now: UnixSeconds) {
        self.remove(key, now);
        self.bytes += weight(key, &entry);
        self.entries.insert(key.into(), entry);
        self.inserted_since_sweep += 1;
        if self.bytes > self.most_bytes || self.inserted_since_sweep > self.left_by_sweep.max(LEAST_SWEEP) {
            self.sweep(now);
        }
    }

    /// Removes what has expired and, while there is too much, what expires soonest, down to three quarters: each
    /// insertion pays for a constant share.
    fn sweep(&mut self, now: UnixSeconds) {
        self.entries.retain(|_, entry| entry.expires_at > now);
        self.bytes = self.entries.iter().map(|(key, entry)| weight(key, entry)).sum();
        if self.bytes > self.most_bytes {
            let mut by_expiry: Vec<(UnixSeconds, Box<str>)> =
                self.entries.iter().map(|(key, entry)| (entry.expires_at, key.clone())).collect();
            by_expiry.sort_unstable();
            for (_, key) in by_expiry {
                if self.bytes <= self.most_bytes / 4 * 3 {
                    break;
                }
                self.remove(&key, now);
            }
        }
        self.inserted_since_sweep = 0;
        self.left_by_sweep = self.entries.len();
    }
}

fn weight<V: Weight>(key: &str, entry: &Entry<V>) -> usize {
    key.len() + entry.value.weight() + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::{Entry, ExpiringMap, SHARDS};

    fn total(map: &ExpiringMap<Vec<u8>>) -> (usize, usize) {
        map.shards.iter().map(|shard| shard.lock().unwrap()).fold((0, 0), |(entries, bytes), shard| {
            let counted: usize = shard.entries.iter().map(|(key, entry)| super::weight(key, entry)).sum();
            assert_eq!(counted, shard.bytes, "the account is right");
            (entries + shard.entries.len(), bytes + shard.bytes)
        })
    }

    #[test]
    fn stays_within_its_bytes_and_keeps_what_lives_longest() {
        let most_bytes = SHARDS * 20_000;
        let map = ExpiringMap::new(most_bytes);
        for number in 0..20_000_i64 {
            let (key, entry) = (number.to_string(), Entry { value: vec![0; 100], expires_at: 1_000 + number });
            map.shard(&key).insert(&key, entry, 0);
        }
        let (entries, bytes) = total(&map);
        assert!(bytes <= most_bytes && bytes > most_bytes / 2, "{bytes}");
        assert!(entries < 20_000);
        assert!(map.shard("19999").get("19999", 0).is_some());
        assert!(map.shard("0").get("0", 0).is_none());
    }

    #[test]
    fn what_has_expired_is_swept_as_others_come() {
        let map = ExpiringMap::new(1 << 30);
        for number in 0..100_000_i64 {
            let key = number.to_string();
            map.shard(&key).insert(&key, Entry { value: Vec::new(), expires_at: number + 10 }, number);
        }
        let (entries, _) = total(&map);
        assert!(entries <= SHARDS * 130, "{entries} entries of which 10 live");
    }

    #[test]
    fn replacing_and_removing_keep_the_account() {
        let map = ExpiringMap::new(1 << 20);
        for length in [10, 1_000, 0] {
            map.shard("k").insert("k", Entry { value: vec![1; length], expires_at: 10 }, 0);
            total(&map);
        }
        assert!(map.shard("k").get("k", 10).is_none(), "expired at its end");
        assert_eq!(map.shard("k").remove("k", 9), Some(Vec::new()));
        assert_eq!(total(&map), (0, 0));
    }
}
