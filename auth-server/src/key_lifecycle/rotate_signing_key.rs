//! Somebody asks for a new signing key.

use super::{
    ActivatedKey, KeyAct, KeyLifecycleError, activate_next_key, signing_keys,
    times::{PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS, PUBLISHED_BEFORE_SIGNING_SECONDS, PUBLISHED_MAX_KEYS, Stage},
};
use crate::{
    audit::{self, AuditKind},
    store::signing_key::{self, KeyLife},
};
use shared::{clock::UnixSeconds, protocol::token_algorithm::TokenAlgorithm};

/// How soon the new key is to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When no cache of the JWKS can be without it.
    InTime,
    /// As soon as every verifier that asks again about a key it does not know finds it: no valid token is refused by one. A verifier that only
    /// ever asks when its cache is too old may refuse new tokens until then.
    Hurry,
}

/// What became of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The next key is published and signs from then on; the servers see to it.
    Prepared {
        /// Its id.
        kid: String,
        /// When it begins to sign.
        signs_at: UnixSeconds,
    },
    /// The next key signs now.
    Activated(ActivatedKey),
    /// So many retired keys are still published that another one would not fit; the oldest is gone then.
    TooManyKeys {
        /// When there is room again.
        until: UnixSeconds,
    },
}

/// Publishes the next key of `algorithm`, unless there is one, and activates it if it is time. A job of the servers does the rest.
///
/// # Errors
/// The database failed, or the key could not be made.
pub async fn rotate_signing_key(
    act: &KeyAct<'_>,
    algorithm: TokenAlgorithm,
    pace: Pace,
) -> Result<Rotation, KeyLifecycleError> {
    let wait = match pace {
        Pace::InTime => PUBLISHED_BEFORE_SIGNING_SECONDS,
        Pace::Hurry => PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS,
    };
    let lives = signing_key::list_lives(&mut act.store.read()).await?;
    if next_of(&lives, algorithm).is_none() {
        if lives.len() >= PUBLISHED_MAX_KEYS {
            return Ok(Rotation::TooManyKeys { until: first_gone(&lives).unwrap_or(act.now) });
        }
        let key = signing_keys::generate(algorithm).await?;
        // Lost against another who made one: that is the next key then.
        signing_keys::insert_next(act, &key, act.now + wait).await?;
    }
    if pace == Pace::Hurry {
        bring_forward(act, algorithm).await?;
    }
    if let Some(activated) = activate_next_key::activate_next_key(act, algorithm).await? {
        return Ok(Rotation::Activated(activated));
    }
    let lives = signing_key::list_lives(&mut act.store.read()).await?;
    let gone =
        || KeyLifecycleError::Unusable("the next signing key was used or revoked meanwhile; try again".to_owned());
    let (kid, signs_at) = next_of(&lives, algorithm).ok_or_else(gone)?;
    Ok(Rotation::Prepared { kid: kid.to_owned(), signs_at })
}

async fn bring_forward(act: &KeyAct<'_>, algorithm: TokenAlgorithm) -> Result<(), KeyLifecycleError> {
    let lives = signing_key::list_lives(&mut act.store.read()).await?;
    let Some(next) = lives.iter().find(|life| is_next(life, algorithm)) else { return Ok(()) };
    let earliest = (next.published_at + PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS).max(act.now);
    let (kid, event) = (next.kid.as_str(), act.event(AuditKind::SigningKeyHurried).detail(&next.kid));
    act.store
        .write(|mut tx| {
            let event = &event;
            async move {
                if signing_key::bring_forward(&mut tx, kid, earliest).await? {
                    audit::record(&mut tx, event).await?;
                }
                Ok(())
            }
        })
        .await
}

fn is_next(life: &KeyLife, algorithm: TokenAlgorithm) -> bool {
    life.algorithm == algorithm.as_str() && matches!(Stage::of(life), Stage::Next { .. })
}

fn next_of(lives: &[KeyLife], algorithm: TokenAlgorithm) -> Option<(&str, UnixSeconds)> {
    lives.iter().filter(|life| life.algorithm == algorithm.as_str()).find_map(|life| match Stage::of(life) {
        Stage::Next { activates_at } => Some((life.kid.as_str(), activates_at)),
        Stage::Active { .. } | Stage::Retired { .. } => None,
    })
}

fn first_gone(lives: &[KeyLife]) -> Option<UnixSeconds> {
    let ends = lives.iter().filter_map(|life| match Stage::of(life) {
        Stage::Retired { gone_at } => Some(gone_at),
        Stage::Next { .. } | Stage::Active { .. } => None,
    });
    ends.min()
}
