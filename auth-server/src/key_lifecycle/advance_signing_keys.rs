//! The life of signing keys goes on by itself: next keys are made in time, begin to sign, and retired ones end.

use super::{
    KeyAct, KeyLifecycleError, activate_next_key, signing_keys,
    times::{PUBLISHED_BEFORE_SIGNING_SECONDS, PUBLISHED_MAX_KEYS, RETIRED_SECONDS, Stage},
};
use crate::{
    audit::{self, AuditKind},
    change_log::{self, Change},
    store::{
        signing_key::{self, KeyLife},
        sweep_time,
    },
};
use shared::{clock::UnixSeconds, protocol::token_algorithm::TokenAlgorithm};

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Publish the next key of this algorithm.
    Publish { algorithm: TokenAlgorithm, activates_at: UnixSeconds },
    /// Let the next key of this algorithm sign.
    Activate(TokenAlgorithm),
    /// Let go of this retired key.
    LetGo { kid: String },
}

/// Does what is due, by a rotation every `period_seconds`; returns how many steps it took. Another that does the same
/// at once takes nothing twice. Retired keys are let go by the time to which things were swept: a clock that jumped
/// ahead takes no key whose tokens live when it is put right.
///
/// # Errors
/// The database failed, or a key could not be made.
pub async fn advance_signing_keys(act: &KeyAct<'_>, period_seconds: i64) -> Result<usize, KeyLifecycleError> {
    let lives = signing_key::list_lives(&mut act.store.read()).await?;
    let swept_to = sweep_time::find(&mut act.store.read()).await?;
    let steps = due(&lives, period_seconds, act.now, swept_to);
    let mut taken = 0;
    for step in steps {
        taken += usize::from(take(act, &step).await?);
    }
    Ok(taken)
}

async fn take(act: &KeyAct<'_>, step: &Step) -> Result<bool, KeyLifecycleError> {
    match step {
        Step::Publish { algorithm, activates_at } => {
            let key = signing_keys::generate(*algorithm).await?;
            Ok(signing_keys::insert_next(act, &key, *activates_at).await?)
        }
        Step::Activate(algorithm) => Ok(activate_next_key::activate_next_key(act, *algorithm).await?.is_some()),
        Step::LetGo { kid } => let_go(act, kid).await,
    }
}

async fn let_go(act: &KeyAct<'_>, kid: &str) -> Result<bool, KeyLifecycleError> {
    let event = act.event(AuditKind::SigningKeyGone).detail(kid);
    act.store
        .write(|mut tx| {
            let event = &event;
            async move {
                let went = signing_key::let_go(&mut tx, kid, act.now - RETIRED_SECONDS, act.now).await?;
                if went {
                    audit::record(&mut tx, event).await?;
                    change_log::append(&mut tx, Change::SigningKeysChanged(kid), act.now).await?;
                }
                Ok(went)
            }
        })
        .await
}

fn due(lives: &[KeyLife], period_seconds: i64, now: UnixSeconds, swept_to: Option<UnixSeconds>) -> Vec<Step> {
    let mut steps = Vec::new();
    for life in lives {
        if let Stage::Retired { gone_at } = Stage::of(life)
            && swept_to.is_some_and(|swept_to| gone_at <= swept_to.min(now))
        {
            steps.push(Step::LetGo { kid: life.kid.clone() });
        }
    }
    for algorithm in TokenAlgorithm::ALL {
        let stages: Vec<Stage> =
            lives.iter().filter(|life| life.algorithm == algorithm.as_str()).map(Stage::of).collect();
        let next = stages.iter().find_map(|stage| match stage {
            Stage::Next { activates_at } => Some(*activates_at),
            Stage::Active { .. } | Stage::Retired { .. } => None,
        });
        let active = stages.iter().find_map(|stage| match stage {
            Stage::Active { since } => Some(*since),
            Stage::Next { .. } | Stage::Retired { .. } => None,
        });
        let ends_at = active.map_or(now, |since| since.saturating_add(period_seconds));
        match next {
            Some(activates_at) if activates_at <= now => steps.push(Step::Activate(algorithm)),
            Some(_) => {}
            None if now >= ends_at - PUBLISHED_BEFORE_SIGNING_SECONDS && lives.len() < PUBLISHED_MAX_KEYS => {
                let activates_at = ends_at.max(now + PUBLISHED_BEFORE_SIGNING_SECONDS);
                steps.push(Step::Publish { algorithm, activates_at });
            }
            None => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{Step, due};
    use crate::{
        key_lifecycle::times::{PUBLISHED_BEFORE_SIGNING_SECONDS, RETIRED_SECONDS},
        store::signing_key::KeyLife,
    };
    use shared::protocol::token_algorithm::TokenAlgorithm;
    use std::slice::from_ref;

    const DAY: i64 = 24 * 3600;

    fn life(kid: &str, activates_at: Option<i64>, activated_at: Option<i64>, retired_at: Option<i64>) -> KeyLife {
        KeyLife {
            kid: kid.to_owned(),
            algorithm: "ES256".to_owned(),
            key_encryption_key_id: "kek".to_owned(),
            published_at: 0,
            activates_at,
            activated_at,
            retired_at,
        }
    }

    fn es256(lives: &[KeyLife], now: i64) -> Vec<Step> {
        let rs256 = KeyLife { algorithm: "RS256".to_owned(), ..life("rsa", None, Some(now), None) };
        due(&[lives, &[rs256]].concat(), DAY, now, Some(now))
    }

    #[test]
    fn each_step_is_due_at_its_second_and_not_before() {
        let active = life("a", None, Some(0), None);
        let publish_at = DAY - PUBLISHED_BEFORE_SIGNING_SECONDS;
        assert_eq!(es256(from_ref(&active), publish_at - 1), []);
        let publish = |activates_at| [Step::Publish { algorithm: TokenAlgorithm::Es256, activates_at }];
        assert_eq!(es256(from_ref(&active), publish_at), publish(DAY));
        // A server that was off at that time still publishes in time before it signs.
        assert_eq!(es256(from_ref(&active), 5 * DAY), publish(5 * DAY + PUBLISHED_BEFORE_SIGNING_SECONDS));

        let next = life("n", Some(DAY), None, None);
        assert_eq!(es256(&[active.clone(), next.clone()], DAY - 1), []);
        assert_eq!(es256(&[active.clone(), next], DAY), [Step::Activate(TokenAlgorithm::Es256)]);

        let retired = life("r", None, Some(0), Some(100));
        let young = life("y", None, Some(100), None);
        assert_eq!(es256(&[retired.clone(), young.clone()], 100 + RETIRED_SECONDS - 1)[1..], []);
        let lives = [retired, young];
        assert!(es256(&lives, 100 + RETIRED_SECONDS).contains(&Step::LetGo { kid: "r".to_owned() }));
        for swept_to in [None, Some(100 + RETIRED_SECONDS - 1)] {
            let steps = due(&lives, 100 * DAY, 100 + RETIRED_SECONDS, swept_to);
            assert!(!steps.iter().any(|step| matches!(step, Step::LetGo { .. })), "the clock alone lets go of none");
        }
    }

    #[test]
    fn an_algorithm_without_a_key_that_signs_gets_one() {
        let steps = es256(&[], 1000);
        let activates_at = 1000 + PUBLISHED_BEFORE_SIGNING_SECONDS;
        assert_eq!(steps, [Step::Publish { algorithm: TokenAlgorithm::Es256, activates_at }]);
    }
}
