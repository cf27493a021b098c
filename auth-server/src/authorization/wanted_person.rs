//! What a request says of the person it wants an answer from (OpenID Connect Core §3.1.2.1).

use super::Prompt;
use serde::{Deserialize, Serialize};
use shared::clock::UnixSeconds;

/// Whom a client wants, and how freshly signed in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WantedPerson {
    /// How much the person is to be asked.
    pub prompt: Prompt,
    /// `max_age`: how many seconds before the request the password may have been given at most.
    pub max_age_seconds: Option<i64>,
    /// The user that `id_token_hint` named.
    pub user_id: Option<String>,
    /// `login_hint`: what the sign-in page begins with. Proves nothing.
    pub login_hint: Option<String>,
}

impl WantedPerson {
    /// Whether a sign-in at `authenticated_at` is not enough for a request that came at `asked_at`. None is for `prompt=login` and for
    /// `max_age=0`, which is the same.
    pub fn wants_fresh_sign_in(&self, authenticated_at: UnixSeconds, asked_at: UnixSeconds) -> bool {
        let is_old = |max_age| max_age == 0 || asked_at.saturating_sub(authenticated_at) > max_age;
        self.prompt.login || self.max_age_seconds.is_some_and(is_old)
    }

    /// Whether somebody else is meant.
    pub fn is_other_than(&self, user_id: &str) -> bool {
        self.user_id.as_deref().is_some_and(|wanted| wanted != user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Prompt, WantedPerson};

    #[test]
    fn a_sign_in_is_fresh_enough_up_to_max_age() {
        let wants = |max_age_seconds, login, age: i64| {
            let prompt = Prompt { login, ..Prompt::default() };
            WantedPerson { max_age_seconds, prompt, ..WantedPerson::default() }.wants_fresh_sign_in(1000 - age, 1000)
        };
        assert!(!wants(None, false, 900) && wants(None, true, 0));
        assert!(!wants(Some(60), false, 60) && wants(Some(60), false, 61));
        assert!(wants(Some(0), false, 0) && wants(Some(0), false, -5));
        assert!(!wants(Some(i64::MAX), false, 900));
    }
}
