//! Two honest processes share a refresh token that a thief copies: every order of their steps, with answers that get lost and
//! the clock moving across the grace period, against a model of the five rules that knows nothing of the implementation.

use crate::auth_server::TestServer;
use std::collections::HashMap;

const GRACE: i64 = 120;
/// Steps of every sequence that is tried.
const STEPS: usize = 5;
/// Steps of the longer sequences that a fixed seed draws.
const LONG_STEPS: usize = 14;
const LONG_SEQUENCES: u64 = 150;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The first process refreshes.
    First,
    /// The first process refreshes, and the answer never reaches it.
    FirstLosesAnswer,
    /// The second process refreshes with what it holds.
    Second,
    /// The second process reads what the first one stored.
    SecondReloads,
    /// The thief copies what the first process holds.
    Steal,
    /// The thief refreshes with what it copied last.
    Thief,
    /// The grace period passes.
    Wait,
}

const ALL: [Step; 7] =
    [Step::First, Step::FirstLosesAnswer, Step::Second, Step::SecondReloads, Step::Steal, Step::Thief, Step::Wait];

/// One token of the model's family.
#[derive(Debug, Clone, Copy, Default)]
struct ModelToken {
    used_at: Option<i64>,
    replaced_at: Option<i64>,
}

/// The five rules once more, by generation, as naively as can be.
#[derive(Debug, Clone, Default)]
struct Model {
    tokens: Vec<ModelToken>,
    revoked: bool,
}

impl Model {
    fn new() -> Self {
        Self { tokens: vec![ModelToken::default()], revoked: false }
    }

    /// The generation that the answer hands out; `None` for a refusal.
    fn present(&mut self, generation: usize, now: i64) -> Option<usize> {
        if self.revoked {
            return None;
        }
        let last = self.tokens.len() - 1;
        let token = self.tokens[generation];
        match (token.used_at, token.replaced_at) {
            (None, None) => {
                self.tokens[generation].used_at = Some(now);
                self.tokens.push(ModelToken::default());
                Some(last + 1)
            }
            (Some(at), _) | (None, Some(at)) if now - at <= GRACE => Some(last),
            (Some(_), _) if self.tokens[generation + 1..].iter().all(|later| later.used_at.is_none()) => {
                self.tokens[last].replaced_at = Some(now);
                self.tokens[generation].used_at = Some(now);
                self.tokens.push(ModelToken::default());
                Some(last + 1)
            }
            _ => {
                self.revoked = true;
                None
            }
        }
    }
}

/// A family in the server beside its model.
struct Run<'a> {
    server: &'a TestServer,
    model: Model,
    texts: HashMap<usize, String>,
    first: usize,
    second: usize,
    thief: usize,
    now: i64,
}

impl<'a> Run<'a> {
    async fn begin(server: &'a TestServer) -> Self {
        let texts = HashMap::from([(0, server.family().await)]);
        Self { server, model: Model::new(), texts, first: 0, second: 0, thief: 0, now: 0 }
    }

    async fn step(&mut self, step: Step, so_far: &[Step]) {
        match step {
            Step::Wait => {
                self.server.clock.advance(GRACE + 1);
                self.now += GRACE + 1;
            }
            Step::Steal => self.thief = self.first,
            Step::SecondReloads => self.second = self.first,
            Step::First => self.first = self.refresh(self.first, so_far).await,
            Step::FirstLosesAnswer => drop(self.refresh(self.first, so_far).await),
            Step::Second => self.second = self.refresh(self.second, so_far).await,
            Step::Thief => self.thief = self.refresh(self.thief, so_far).await,
        }
    }

    /// Presents a generation to both; what the caller holds afterwards.
    async fn refresh(&mut self, held: usize, so_far: &[Step]) -> usize {
        let expected = self.model.present(held, self.now);
        let answer = self.server.refresh(&self.texts[&held]).await;
        let Some(generation) = expected else {
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{so_far:?}");
            return held;
        };
        assert_eq!(answer.status, 200, "{so_far:?} {answer:?}");
        let text = answer.text("refresh_token");
        let known = self.texts.entry(generation).or_insert_with(|| text.clone()).clone();
        assert_eq!(known, text, "one token a generation: {so_far:?}");
        let same = self.texts.values().filter(|other| **other == text).count();
        assert_eq!(same, 1, "one generation a token: {so_far:?}");
        generation
    }
}

async fn run(server: &TestServer, steps: &[Step]) -> Model {
    let mut run = Run::begin(server).await;
    for (index, step) in steps.iter().enumerate() {
        run.step(*step, &steps[..=index]).await;
    }
    run.model
}

/// Sequences that say nothing another one does not: waits in a row, copies of what is held already, and ends that ask nothing.
fn is_worth_running(steps: &[Step]) -> bool {
    let quiet = |step: &Step| matches!(step, Step::Wait | Step::Steal | Step::SecondReloads);
    let repeats = steps.windows(2).any(|pair| pair[0] == pair[1] && quiet(&pair[0]));
    let copies = |step: Step| {
        let at = steps.iter().position(|other| *other == step);
        at.is_some_and(|at| !steps[..at].contains(&Step::First))
    };
    let unused = |copy: Step, user: Step| {
        steps.iter().rposition(|step| *step == copy).is_some_and(|at| !steps[at..].contains(&user))
    };
    !repeats
        && !steps.last().is_some_and(quiet)
        && !copies(Step::Steal)
        && !copies(Step::SecondReloads)
        && !unused(Step::Steal, Step::Thief)
        && !unused(Step::SecondReloads, Step::Second)
}

/// The sequences of exactly [`STEPS`] steps, by their number.
fn sequence(number: usize) -> Vec<Step> {
    (0..STEPS).map(|place| ALL[number / ALL.len().pow(u32::try_from(place).expect("small")) % ALL.len()]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_two_processes_and_a_thief_agrees_with_the_model() {
    let halves = [0, 1].map(|half| tokio::spawn(run_half(half)));
    let (mut ran, mut stolen) = (0, 0);
    for half in halves {
        let counts = half.await.expect("agrees with the model");
        (ran, stolen) = (ran + counts.0, stolen + counts.1);
    }
    assert!(ran > 1000 && stolen > 50, "{ran} sequences, {stolen} revocations");
}

/// The sequences of one half, on a server of its own: how many were run, how many ended in a revocation.
async fn run_half(half: usize) -> (usize, i64) {
    let server = TestServer::with_app().await;
    let (mut ran, mut stolen) = (0, 0);
    for number in (half..ALL.len().pow(u32::try_from(STEPS).expect("small"))).step_by(2) {
        let steps = sequence(number);
        if is_worth_running(&steps) {
            ran += 1;
            stolen += i64::from(run(&server, &steps).await.revoked);
        }
    }
    assert_eq!(server.revoked_grants().await, stolen);
    (ran, stolen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_orders_agree_with_the_model() {
    let server = TestServer::with_app().await;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..LONG_SEQUENCES {
        let steps: Vec<_> = (0..LONG_STEPS)
            .map(|_| {
                // xorshift64: the same sequences in each run.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                ALL[usize::try_from(state % 7).expect("small")]
            })
            .collect();
        run(&server, &steps).await;
    }
}

#[tokio::test]
async fn a_thief_who_waits_ends_the_family_and_gets_nothing() {
    let server = TestServer::with_app().await;
    let model = run(&server, &[Step::Steal, Step::First, Step::First, Step::Wait, Step::Thief, Step::First]).await;
    assert!(model.revoked);
}

#[tokio::test]
async fn honest_processes_that_reload_are_never_disconnected() {
    let server = TestServer::with_app().await;
    let model = run(
        &server,
        &[
            Step::First,
            Step::SecondReloads,
            Step::Wait,
            Step::Second,
            Step::First,
            Step::FirstLosesAnswer,
            Step::Wait,
            Step::First,
        ],
    )
    .await;
    assert!(!model.revoked);
}
