//! How many polls one receiver has open: each waits, and holds a connection while it does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Polls that one receiver may have open at one instance: its processes, and those that were cut off and ask again.
pub const POLLS_A_RECEIVER_MAX: u32 = 256;

/// Who polls. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PollPlaces(Arc<Mutex<HashMap<String, u32>>>);

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct PollPlace {
    places: PollPlaces,
    receiver: String,
}

impl PollPlaces {
    /// A place for one poll of `receiver`; `None` when all of its places are taken.
    pub fn take(&self, receiver: &str) -> Option<PollPlace> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(receiver.to_owned()).or_default();
        if *count >= POLLS_A_RECEIVER_MAX {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(PollPlace { places: self.clone(), receiver: receiver.to_owned() })
    }

    /// How many polls are open.
    pub fn taken(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for PollPlace {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.receiver) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.receiver);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{POLLS_A_RECEIVER_MAX, PollPlaces};

    #[test]
    fn a_receiver_has_so_many_places_and_leaves_nothing_behind() {
        let places = PollPlaces::default();
        let mut held: Vec<_> = (0..POLLS_A_RECEIVER_MAX).map(|_| places.take("a").expect("a place")).collect();
        assert!(places.take("a").is_none() && places.take("b").is_some());
        held.pop();
        assert!(places.take("a").is_some());
        held.clear();
        assert!(places.0.lock().expect("not poisoned").is_empty());
    }
}
