//! What several hold together is found by its key for as long as somebody holds it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Below this many entries nobody looks for dead ones.
const SWEEP_FROM_ENTRIES: usize = 1024;

/// Values that it does not hold itself. The dead leave before it would grow.
#[derive(Debug)]
pub struct WeakMap<K, V>(Mutex<HashMap<K, Weak<V>>>);

impl<K, V> Default for WeakMap<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone, V> WeakMap<K, V> {
    /// The value of `key`: the one that somebody holds, or else what `make` makes of the key.
    pub fn get_or_make(&self, key: &K, make: impl FnOnce(&K) -> V) -> Arc<V> {
        let mut entries = self.entries();
        if let Some(value) = entries.get(key).and_then(Weak::upgrade) {
            return value;
        }
        if entries.len() >= SWEEP_FROM_ENTRIES && entries.len() == entries.capacity() {
            entries.retain(|_, value| value.strong_count() > 0);
        }
        let value = Arc::new(make(key));
        entries.insert(key.clone(), Arc::downgrade(&value));
        value
    }

    /// Lets the value of `key` be made anew, whoever holds it.
    pub fn forget(&self, key: &K) {
        self.entries().remove(key);
    }

    /// Whether there was a value of `key`, held by somebody or not. The dead are forgotten when they are swept out.
    pub fn remembers(&self, key: &K) -> bool {
        self.entries().contains_key(key)
    }

    /// All that somebody holds.
    pub fn held(&self) -> Vec<Arc<V>> {
        self.entries().values().filter_map(Weak::upgrade).collect()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, Weak<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{SWEEP_FROM_ENTRIES, WeakMap};
    use std::sync::Arc;

    #[test]
    fn a_value_is_shared_until_nobody_holds_it_or_it_is_forgotten() {
        let map = WeakMap::default();
        let first = map.get_or_make(&1, |key| key * 10);
        assert!(Arc::ptr_eq(&first, &map.get_or_make(&1, |_| 99)));
        map.forget(&1);
        assert_eq!((*first, *map.get_or_make(&1, |_| 99)), (10, 99));
        assert!(map.held().is_empty(), "the second was held by nobody");
        assert!(map.remembers(&1) && !map.remembers(&2));
    }

    #[test]
    fn the_dead_leave_before_it_grows() {
        let map = WeakMap::default();
        let held = map.get_or_make(&0, |_| ());
        for key in 1..=10 * SWEEP_FROM_ENTRIES {
            map.get_or_make(&key, |_| ());
        }
        assert!(map.entries().len() < 4 * SWEEP_FROM_ENTRIES, "{}", map.entries().len());
        assert_eq!(map.held().len(), 1);
        drop(held);
    }
}
