//! The refresh rule: what a presented token is worth, as a pure function of what is stored and the time.
//!
//! 1. Unknown, or of a family that ended or was revoked: refused. A token past its own idle end buys nothing, but rule 5
//!    still judges it: whoever stole it may have waited.
//! 2. Live: consumed, and its successor created, in one transaction.
//! 3. Consumed or superseded no longer than the grace period ago: answered with the family's live token, whatever its
//!    generation; nothing rotates. Too many of these for one token have to wait.
//! 4. Consumed longer ago, and none of its successors ever presented: the answer was lost. The live one is superseded, the
//!    next created, and the token counts as consumed now.
//! 5. Anything else is theft: the family is revoked.

use shared::clock::UnixSeconds;

/// Answers again this soon are racers of one moment, not replays: they are not counted, so that any number of processes
/// that wake together are all answered.
pub const RACE_SECONDS: i64 = 2;
/// More replays of one generation than this are 429: no honest client needs them.
pub const REPLAYS_MAX: i64 = 20;
/// What a client with too many replays is told to wait.
pub const REPLAYS_RETRY_AFTER_SECONDS: u32 = 10;

/// The presented token, without the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    /// Its idle end.
    pub expires_at: UnixSeconds,
    /// When it was last consumed.
    pub answered_at: Option<UnixSeconds>,
    /// When it was replaced without ever being presented.
    pub superseded_at: Option<UnixSeconds>,
    /// How often it was answered again.
    pub replays: i64,
}

/// Its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Whether the grant was revoked.
    pub revoked: bool,
    /// The absolute end of the grant.
    pub expires_at: UnixSeconds,
    /// The live token; not looked up while the presented token is itself live.
    pub live: Option<Live>,
}

/// The family's live token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Its idle end.
    pub expires_at: UnixSeconds,
    /// Whether any token after the presented one was itself presented while live.
    pub successor_presented: bool,
}

/// What is to be done. [`RefreshDecision::Refuse`] and [`RefreshDecision::Wait`] write nothing, nor does a racer's answer; the others write by
/// predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshDecision {
    /// Rule 1: ended or revoked; `invalid_grant`, and nothing is written.
    Refuse,
    /// Rule 2: consume it, create its successor.
    Rotate,
    /// Rule 3: hand out the live token again; `counted` unless it races the answer it repeats.
    AnswerAgain {
        /// Whether it counts against [`REPLAYS_MAX`].
        counted: bool,
    },
    /// Rule 3, too often: 429.
    Wait,
    /// Rule 4: the answer was lost; replace the successor nobody presented.
    Supersede,
    /// Rule 5: revoke the family.
    Theft,
}

/// Decides rules 1 to 5 for a token that exists (an unknown one is refused before).
pub fn decide(presented: &Presented, family: &Family, grace_seconds: i64, now: UnixSeconds) -> RefreshDecision {
    if family.revoked || family.expires_at <= now {
        return RefreshDecision::Refuse;
    }
    let is_over = presented.expires_at <= now;
    let Some(left_at) = presented.answered_at.or(presented.superseded_at) else {
        return if is_over { RefreshDecision::Refuse } else { RefreshDecision::Rotate };
    };
    let Some(live) = family.live.filter(|live| live.expires_at > now) else {
        return RefreshDecision::Refuse;
    };
    // A clock that stepped back makes the age negative: that is young.
    let age_seconds = now - left_at;
    let is_young = age_seconds <= grace_seconds;
    let was_lost = presented.answered_at.is_some() && !live.successor_presented;
    match (is_young, was_lost) {
        (false, false) => RefreshDecision::Theft,
        _ if is_over => RefreshDecision::Refuse,
        (true, _) => answer_again(presented, age_seconds),
        (false, true) => RefreshDecision::Supersede,
    }
}

fn answer_again(presented: &Presented, age_seconds: i64) -> RefreshDecision {
    if age_seconds <= RACE_SECONDS {
        return RefreshDecision::AnswerAgain { counted: false };
    }
    if presented.replays >= REPLAYS_MAX {
        return RefreshDecision::Wait;
    }
    RefreshDecision::AnswerAgain { counted: true }
}

#[cfg(test)]
mod tests {
    use super::{Family, Live, Presented, RACE_SECONDS, REPLAYS_MAX, RefreshDecision, decide};

    const NOW: i64 = 1_000_000;
    const GRACE_SECONDS: i64 = 120;

    const LIVE_TOKEN: Presented = Presented { expires_at: NOW + 1, answered_at: None, superseded_at: None, replays: 0 };
    const FAMILY: Family = Family {
        revoked: false,
        expires_at: NOW + 1,
        live: Some(Live { expires_at: NOW + 1, successor_presented: false }),
    };

    fn consumed(ago: i64) -> Presented {
        Presented { answered_at: Some(NOW - ago), ..LIVE_TOKEN }
    }
    fn superseded(ago: i64) -> Presented {
        Presented { superseded_at: Some(NOW - ago), ..LIVE_TOKEN }
    }
    fn judge(presented: &Presented, family: &Family) -> RefreshDecision {
        decide(presented, family, GRACE_SECONDS, NOW)
    }
    fn moved_on() -> Family {
        Family { live: Some(Live { expires_at: NOW + 1, successor_presented: true }), ..FAMILY }
    }

    #[test]
    fn rule_1_expired_or_revoked_is_refused_whatever_else() {
        for presented in [LIVE_TOKEN, consumed(0), consumed(GRACE_SECONDS + 1), superseded(0), superseded(1000)] {
            assert_eq!(judge(&presented, &Family { revoked: true, ..moved_on() }), RefreshDecision::Refuse);
            assert_eq!(judge(&presented, &Family { expires_at: NOW, ..moved_on() }), RefreshDecision::Refuse);
        }
        for presented in [LIVE_TOKEN, consumed(0), consumed(GRACE_SECONDS + 1), superseded(0)] {
            assert_eq!(judge(&Presented { expires_at: NOW, ..presented }, &FAMILY), RefreshDecision::Refuse);
        }
    }

    #[test]
    fn rule_1_an_answer_needs_a_live_token_that_has_not_ended() {
        let ended = Family { live: Some(Live { expires_at: NOW, successor_presented: false }), ..FAMILY };
        for presented in [consumed(0), consumed(GRACE_SECONDS + 1), superseded(0)] {
            assert_eq!(judge(&presented, &ended), RefreshDecision::Refuse);
            assert_eq!(judge(&presented, &Family { live: None, ..FAMILY }), RefreshDecision::Refuse);
        }
    }

    #[test]
    fn rule_2_a_live_token_rotates() {
        assert_eq!(judge(&LIVE_TOKEN, &FAMILY), RefreshDecision::Rotate);
        assert_eq!(judge(&LIVE_TOKEN, &Family { live: None, ..FAMILY }), RefreshDecision::Rotate);
    }

    #[test]
    fn rule_3_within_the_period_the_live_token_is_answered_whatever_its_generation() {
        for family in [FAMILY, moved_on()] {
            for presented in [consumed(GRACE_SECONDS), superseded(GRACE_SECONDS)] {
                assert_eq!(judge(&presented, &family), RefreshDecision::AnswerAgain { counted: true });
            }
            for presented in [consumed(0), superseded(RACE_SECONDS), consumed(-5)] {
                assert_eq!(judge(&presented, &family), RefreshDecision::AnswerAgain { counted: false });
            }
        }
    }

    #[test]
    fn rule_3_counts_replays_and_never_racers() {
        let worn = |ago, replays| Presented { replays, ..consumed(ago) };
        assert_eq!(judge(&worn(10, REPLAYS_MAX - 1), &FAMILY), RefreshDecision::AnswerAgain { counted: true });
        assert_eq!(judge(&worn(10, REPLAYS_MAX), &FAMILY), RefreshDecision::Wait);
        assert_eq!(judge(&worn(0, REPLAYS_MAX), &FAMILY), RefreshDecision::AnswerAgain { counted: false });
    }

    #[test]
    fn rule_4_a_lost_answer_is_made_anew_while_nobody_presented_it() {
        assert_eq!(judge(&consumed(GRACE_SECONDS + 1), &FAMILY), RefreshDecision::Supersede);
        assert_eq!(judge(&consumed(600_000), &FAMILY), RefreshDecision::Supersede);
    }

    #[test]
    fn rule_5_anything_else_is_theft() {
        assert_eq!(judge(&consumed(GRACE_SECONDS + 1), &moved_on()), RefreshDecision::Theft);
        assert_eq!(judge(&superseded(GRACE_SECONDS + 1), &FAMILY), RefreshDecision::Theft);
        assert_eq!(judge(&superseded(GRACE_SECONDS + 1), &moved_on()), RefreshDecision::Theft);
    }

    #[test]
    fn rule_5_does_not_end_with_the_tokens_own_idle_end() {
        for presented in [consumed(700_000), superseded(700_000)] {
            let over = Presented { expires_at: NOW - 90_000, ..presented };
            assert_eq!(judge(&over, &moved_on()), RefreshDecision::Theft, "{presented:?}");
        }
    }

    #[test]
    fn the_period_is_the_clients() {
        assert_eq!(decide(&consumed(3600), &moved_on(), 3600, NOW), RefreshDecision::AnswerAgain { counted: true });
        assert_eq!(decide(&consumed(10), &moved_on(), 9, NOW), RefreshDecision::Theft);
    }

    /// Every combination of the facts, against the rules written once more as a table.
    #[test]
    fn every_combination_agrees_with_the_table() {
        let ages = [-1, 0, RACE_SECONDS, RACE_SECONDS + 1, GRACE_SECONDS, GRACE_SECONDS + 1];
        let lefts = ages.map(|age| Some(NOW - age)).into_iter().chain([None]).collect::<Vec<_>>();
        for bits in 0..32_u32 {
            let flag = |bit: u32| bits & (1 << bit) != 0;
            let family = Family {
                revoked: flag(0),
                expires_at: if flag(1) { NOW } else { NOW + 1 },
                live: Some(Live { expires_at: if flag(2) { NOW } else { NOW + 1 }, successor_presented: flag(3) }),
            };
            for (answered_at, superseded_at) in
                lefts.iter().map(|left| (*left, None)).chain(lefts.iter().map(|left| (None, *left)))
            {
                let presented = Presented {
                    expires_at: if flag(4) { NOW } else { NOW + 1 },
                    answered_at,
                    superseded_at,
                    replays: 0,
                };
                let (dead, over) = (flag(0) || flag(1), flag(4));
                let age = answered_at.or(superseded_at).map(|left| NOW - left);
                let lost = answered_at.is_some() && !flag(3);
                let expected = match (dead, age) {
                    (true, _) => RefreshDecision::Refuse,
                    (false, None) if over => RefreshDecision::Refuse,
                    (false, None) => RefreshDecision::Rotate,
                    (false, Some(_)) if flag(2) => RefreshDecision::Refuse,
                    (false, Some(age)) if age > GRACE_SECONDS && !lost => RefreshDecision::Theft,
                    (false, Some(_)) if over => RefreshDecision::Refuse,
                    (false, Some(..=RACE_SECONDS)) => RefreshDecision::AnswerAgain { counted: false },
                    (false, Some(..=GRACE_SECONDS)) => RefreshDecision::AnswerAgain { counted: true },
                    (false, Some(_)) => RefreshDecision::Supersede,
                };
                assert_eq!(judge(&presented, &family), expected, "{presented:?} {family:?}");
            }
        }
    }
}
