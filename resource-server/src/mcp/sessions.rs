//! Legacy sessions belong to whoever opened them: `(iss, sub, client_id)` within one organization. For anybody else they do not exist.
//!
//! A session id is no authentication (MCP Security Best Practices, Session Hijacking): the token is checked on every request, and this binding on top.

use crate::bearer::principal::PrincipalKey;
use shared::clock::UnixSeconds;
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

/// A longer session id is nobody's.
pub const SESSION_ID_MAX_BYTES: usize = 256;
/// Sessions of those who never came back are looked for this often.
const SWEEP_SECONDS: i64 = 60;
/// A use is noted when the one before is older than this part of the idle time.
const NOTED_PART: i64 = 30;

/// How long sessions live, and how many there are.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// A session ends after this long without a message (at most a thirtieth earlier: not every use is noted).
    pub idle_seconds: i64,
    /// A session ends after this long, however busy.
    pub lifetime_seconds: i64,
    /// Sessions of one principal; opening another closes the one that was idle longest.
    pub per_principal: usize,
}

#[derive(Debug)]
struct Session {
    opened_at: UnixSeconds,
    used_at: AtomicI64,
}

type Owned = HashMap<Box<str>, Session>;

/// Who owns which session. Used only where the operator turned legacy sessions on.
#[derive(Debug)]
pub struct Sessions {
    limits: SessionLimits,
    table: RwLock<Table>,
}

/// A session is looked for among those of its owner alone, and a use of one locks nobody else out.
#[derive(Debug, Default)]
struct Table {
    by_owner: HashMap<PrincipalKey, Owned>,
    swept_at: UnixSeconds,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(limits: SessionLimits) -> Self {
        Self { limits, table: RwLock::default() }
    }

    /// Whether `id` is a living session of `owner`; if so it counts as used at `now`.
    pub fn touch(&self, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = table.by_owner.get(owner).and_then(|owned| owned.get(id)) else { return false };
        if !self.limits.live(session, now) {
            return false;
        }
        if now - session.used_at.load(Ordering::Relaxed) > self.limits.idle_seconds / NOTED_PART {
            session.used_at.fetch_max(now, Ordering::Relaxed);
        }
        true
    }

    /// Binds a new session; the answer is the sessions to close because they are over or one too many.
    pub fn bind(&self, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> Vec<Box<str>> {
        let table = &mut *self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut close = if now - table.swept_at >= SWEEP_SECONDS { table.sweep(&self.limits, now) } else { vec![] };
        let owned = table.by_owner.entry(owner.clone()).or_default();
        close.extend(remove_ended(owned, &self.limits, now));
        while owned.len() >= self.limits.per_principal {
            let idlest = owned.iter().min_by_key(|(id, session)| (session.used_at.load(Ordering::Relaxed), *id));
            let Some(idlest) = idlest.map(|(id, _)| id.clone()) else { break };
            owned.remove(&idlest);
            close.push(idlest);
        }
        if id.len() <= SESSION_ID_MAX_BYTES {
            owned.insert(id.into(), Session { opened_at: now, used_at: AtomicI64::new(now) });
        }
        close
    }

    /// Forgets a session that its owner ended.
    pub fn end(&self, id: &str, owner: &PrincipalKey) {
        let table = &mut *self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(owned) = table.by_owner.get_mut(owner) {
            owned.remove(id);
        }
    }

    /// How many there are, those that are over and not yet looked for among them.
    pub fn count(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).by_owner.values().map(HashMap::len).sum()
    }
}

impl Table {
    fn sweep(&mut self, limits: &SessionLimits, now: UnixSeconds) -> Vec<Box<str>> {
        self.swept_at = now;
        let ended = self.by_owner.values_mut().flat_map(|owned| remove_ended(owned, limits, now)).collect();
        self.by_owner.retain(|_, owned| !owned.is_empty());
        ended
    }
}

impl SessionLimits {
    fn live(&self, session: &Session, now: UnixSeconds) -> bool {
        now - session.used_at.load(Ordering::Relaxed) < self.idle_seconds
            && now - session.opened_at < self.lifetime_seconds
    }
}

fn remove_ended(owned: &mut Owned, limits: &SessionLimits, now: UnixSeconds) -> Vec<Box<str>> {
    owned.extract_if(|_, session| !limits.live(session, now)).map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::{SessionLimits, Sessions};
    use crate::bearer::principal::PrincipalKey;

    const LIFETIME: i64 = 86_400;
    const MOST: usize = 16;

    fn sessions(idle_seconds: i64) -> Sessions {
        Sessions::new(SessionLimits { idle_seconds, lifetime_seconds: LIFETIME, per_principal: MOST })
    }

    #[test]
    fn a_session_exists_for_its_owner_alone() {
        let sessions = sessions(60);
        let (alice, bob) = (PrincipalKey::new("i", "alice", "c"), PrincipalKey::new("i", "bob", "c"));
        let other_client = PrincipalKey::new("i", "alice", "d");
        sessions.bind("s1", &alice, 100);
        assert!(sessions.touch("s1", &alice, 101));
        assert!(!sessions.touch("s1", &bob, 101));
        assert!(!sessions.touch("s1", &other_client, 101));
        assert!(!sessions.touch("s2", &alice, 101));
        sessions.end("s1", &bob);
        assert!(sessions.touch("s1", &alice, 102), "nobody else ends it");
        sessions.end("s1", &alice);
        assert!(!sessions.touch("s1", &alice, 102));
    }

    #[test]
    fn ends_when_idle_and_at_its_age() {
        let sessions = sessions(60);
        let alice = PrincipalKey::new("i", "alice", "c");
        sessions.bind("s1", &alice, 0);
        assert!(sessions.touch("s1", &alice, 59));
        assert!(sessions.touch("s1", &alice, 118));
        assert!(!sessions.touch("s1", &alice, 178));
        sessions.bind("s2", &alice, 0);
        for now in (0..LIFETIME).step_by(59) {
            assert!(sessions.touch("s2", &alice, now));
        }
        assert!(!sessions.touch("s2", &alice, LIFETIME));
    }

    #[test]
    fn not_every_use_is_noted() {
        let sessions = sessions(1800);
        let alice = PrincipalKey::new("i", "alice", "c");
        sessions.bind("s", &alice, 0);
        assert!(sessions.touch("s", &alice, 60));
        assert!(!sessions.touch("s", &alice, 1800), "a use within the first minute was not noted");
        sessions.bind("t", &alice, 2000);
        assert!(sessions.touch("t", &alice, 2061));
        assert!(sessions.touch("t", &alice, 3860));
        assert!(!sessions.touch("t", &alice, 2060 + 2 * 1800));
    }

    #[test]
    fn one_too_many_closes_the_idlest() {
        let sessions = sessions(1000);
        let alice = PrincipalKey::new("i", "alice", "c");
        for number in 0..MOST {
            assert!(sessions.bind(&format!("s{number}"), &alice, 10).is_empty());
        }
        assert!(sessions.touch("s0", &alice, 50));
        assert_eq!(sessions.bind("more", &alice, 60), [Box::from("s1")]);
        assert!(!sessions.touch("s1", &alice, 60));
        assert!(sessions.bind("bobs", &PrincipalKey::new("i", "bob", "c"), 60).is_empty());
    }

    #[test]
    fn those_who_never_come_back_are_forgotten() {
        let sessions = sessions(60);
        for number in 0..100 {
            sessions.bind("s", &PrincipalKey::new("i", &format!("user {number}"), "c"), 1000);
        }
        let alice = PrincipalKey::new("i", "alice", "c");
        assert_eq!(sessions.bind("a", &alice, 1060).len(), 100);
        let table = sessions.table.read().expect("unpoisoned");
        assert_eq!(table.by_owner.len(), 1);
    }
}
