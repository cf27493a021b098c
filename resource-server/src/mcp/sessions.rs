//! Legacy sessions belong to whoever opened them: `(iss, sub, client_id)` within one organization. For anybody else they do not exist.
//!
//! A session id is no authentication (MCP Security Best Practices, Session Hijacking): the token is checked on every request, and this binding on top.

use crate::bearer::principal::PrincipalKey;
use shared::clock::UnixSeconds;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Sessions of one principal; opening another closes the one that was idle longest.
pub const SESSIONS_MAX_PER_PRINCIPAL: usize = 16;
/// A session ends after this long, however busy.
pub const SESSION_MAX_AGE_SECONDS: i64 = 24 * 60 * 60;
/// A longer session id is nobody's.
const SESSION_ID_MAX_BYTES: usize = 256;

#[derive(Debug)]
struct Session {
    owner: PrincipalKey,
    opened_at: UnixSeconds,
    used_at: UnixSeconds,
}

/// Who owns which session. Used only where the operator turned legacy sessions on.
#[derive(Debug)]
pub struct Sessions {
    idle_seconds: i64,
    by_id: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Sessions that end after `idle_seconds` without a message.
    pub fn new(idle_seconds: i64) -> Self {
        Self { idle_seconds, by_id: Mutex::default() }
    }

    /// Whether `id` is a living session of `owner`; if so it counts as used at `now`.
    pub fn touch(&self, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> bool {
        let mut sessions = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        match sessions.get_mut(id) {
            Some(session) if session.owner == *owner && self.lives(session, now) => {
                session.used_at = now;
                true
            }
            _ => false,
        }
    }

    /// Binds a new session; the answer is the sessions to close because they are over or one too many.
    pub fn bind(&self, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> Vec<String> {
        let mut sessions = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let mut close: Vec<_> =
            sessions.iter().filter(|(_, session)| !self.lives(session, now)).map(|(id, _)| id.clone()).collect();
        let mut owned: Vec<_> = sessions
            .iter()
            .filter(|(_, session)| session.owner == *owner && self.lives(session, now))
            .map(|(id, session)| (session.used_at, id.clone()))
            .collect();
        owned.sort();
        let surplus = (owned.len() + 1).saturating_sub(SESSIONS_MAX_PER_PRINCIPAL);
        close.extend(owned.into_iter().take(surplus).map(|(_, id)| id));
        for id in &close {
            sessions.remove(id);
        }
        if id.len() <= SESSION_ID_MAX_BYTES {
            sessions.insert(id.to_owned(), Session { owner: owner.clone(), opened_at: now, used_at: now });
        }
        close
    }

    /// Forgets a session that its owner ended.
    pub fn end(&self, id: &str) {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn lives(&self, session: &Session, now: UnixSeconds) -> bool {
        now - session.used_at < self.idle_seconds && now - session.opened_at < SESSION_MAX_AGE_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::{SESSION_MAX_AGE_SECONDS, SESSIONS_MAX_PER_PRINCIPAL, Sessions};
    use crate::bearer::principal::PrincipalKey;

    #[test]
    fn a_session_exists_for_its_owner_alone() {
        let sessions = Sessions::new(60);
        let (alice, bob) = (PrincipalKey::new("i", "alice", "c"), PrincipalKey::new("i", "bob", "c"));
        let other_client = PrincipalKey::new("i", "alice", "d");
        sessions.bind("s1", &alice, 100);
        assert!(sessions.touch("s1", &alice, 101));
        assert!(!sessions.touch("s1", &bob, 101));
        assert!(!sessions.touch("s1", &other_client, 101));
        assert!(!sessions.touch("s2", &alice, 101));
        sessions.end("s1");
        assert!(!sessions.touch("s1", &alice, 102));
    }

    #[test]
    fn ends_when_idle_and_at_its_age() {
        let sessions = Sessions::new(60);
        let alice = PrincipalKey::new("i", "alice", "c");
        sessions.bind("s1", &alice, 0);
        assert!(sessions.touch("s1", &alice, 59));
        assert!(sessions.touch("s1", &alice, 118));
        assert!(!sessions.touch("s1", &alice, 178));
        sessions.bind("s2", &alice, 0);
        for now in (0..SESSION_MAX_AGE_SECONDS).step_by(59) {
            assert!(sessions.touch("s2", &alice, now));
        }
        assert!(!sessions.touch("s2", &alice, SESSION_MAX_AGE_SECONDS));
    }

    #[test]
    fn one_too_many_closes_the_idlest() {
        let sessions = Sessions::new(1000);
        let alice = PrincipalKey::new("i", "alice", "c");
        for number in 0..SESSIONS_MAX_PER_PRINCIPAL {
            assert!(sessions.bind(&format!("s{number}"), &alice, 10).is_empty());
        }
        assert!(sessions.touch("s0", &alice, 20));
        assert_eq!(sessions.bind("more", &alice, 30), ["s1"]);
        assert!(!sessions.touch("s1", &alice, 30));
        assert!(sessions.bind("bobs", &PrincipalKey::new("i", "bob", "c"), 30).is_empty());
    }
}
