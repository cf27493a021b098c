//! A database whose n-th statement fails.

use crate::auth_server::TestServer;
use shared::db::{Fault, Faults, Store};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// Every way in which a statement fails.
pub const FAULTS: [Fault; 4] = [Fault::FailBefore, Fault::FailAfter, Fault::Conflict, Fault::Unavailable];
/// More statements than any of these requests has.
pub const POINTS_MAX: u32 = 40;
/// Fails at the n-th statement after it was armed.
#[derive(Default)]
pub struct Nth {
    left: AtomicU32,
    fault: std::sync::Mutex<Option<Fault>>,
}

impl Nth {
    /// The `n`-th statement from now on, from 1.
    pub fn arm(&self, n: u32, fault: Fault) {
        *self.fault.lock().expect("not poisoned") = Some(fault);
        self.left.store(n, Ordering::SeqCst);
    }

    /// Stops failing; whether it had failed.
    pub fn disarm(&self) -> bool {
        self.left.swap(0, Ordering::SeqCst) == 0
    }
}

impl Faults for Nth {
    fn at(&self, _: &'static str) -> Option<Fault> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).unwrap_or(0);
        if left == 1 { *self.fault.lock().expect("not poisoned") } else { None }
    }
}

/// A server on `store`, and what makes its statements fail.
pub async fn server_with_faults(store: &Store) -> (TestServer, Arc<Nth>) {
    let faults = Arc::new(Nth::default());
    let server = TestServer::start_on(store.with_faults(faults.clone()), "").await.and_app().await;
    (server, faults)
}
