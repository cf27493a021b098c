//! Jobs that one instance runs for all: one holds the lease, another takes over, nobody runs beside it.

use super::{ManualClock, database::for_each_database, keys_at_start::start_at, test_server::START};
use auth_server::{
    app::App,
    jobs::elected::{CLOCK_SKEW_SECONDS, ElectedJob, JobRun, run_elected},
    store::job_lease,
};
use shared::{
    db::{Fault, Faults, Store},
    random::SystemRandom,
    sealing::KeyEncryptionKeys,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use system_tests::poll::until;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

for_each_database!(
    one_of_two_runs_and_the_other_follows_when_it_stops,
    a_holder_that_died_is_followed_after_its_lease_and_not_before,
    a_run_that_outlasts_the_lease_keeps_it,
    a_holder_whose_clock_ran_away_keeps_nobody_from_the_job,
    an_unreachable_database_stops_the_holder_and_not_the_loop,
);

const IN_TIME: Duration = Duration::from_secs(20);
const LEASE_SECONDS: u32 = 1;

/// What the instances did.
#[derive(Default)]
struct Seen {
    runs: Mutex<BTreeMap<usize, u32>>,
    at_once: AtomicU32,
    most_at_once: AtomicU32,
}

impl Seen {
    fn runs_of(&self, app: &Arc<App>) -> u32 {
        self.runs.lock().expect("runs").get(&(Arc::as_ptr(app) as usize)).copied().unwrap_or(0)
    }

    async fn runs_more(&self, app: &Arc<App>) {
        let before = self.runs_of(app);
        until("it runs", IN_TIME, || async { (self.runs_of(app) > before + 2).then_some(()) }).await.expect("runs");
    }
}

/// Ends when dropped, too: a run that was aborted.
struct Inside(Arc<Seen>);

impl Inside {
    fn enter(seen: &Arc<Seen>) -> Self {
        let now = seen.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_at_once.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A job that counts its runs; each waits until `gate` is open.
fn counting(seen: &Arc<Seen>, gate: &Arc<AtomicBool>) -> &'static ElectedJob {
    let (seen, gate) = (Arc::clone(seen), Arc::clone(gate));
    let run = move |app: Arc<App>| -> JobRun {
        let (inside, seen, gate) = (Inside::enter(&seen), Arc::clone(&seen), Arc::clone(&gate));
        Box::pin(async move {
            let _inside = inside;
            *seen.runs.lock().expect("runs").entry(Arc::as_ptr(&app) as usize).or_default() += 1;
            until("the gate opens", IN_TIME, || async { gate.load(Ordering::SeqCst).then_some(()) }).await?;
            Ok(())
        })
    };
    Box::leak(Box::new(ElectedJob {
        name: "test",
        period: Duration::from_millis(5),
        lease_seconds: LEASE_SECONDS,
        run: Box::leak(Box::new(run)),
    }))
}

fn open_gate() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

/// Two instances on one database, with one clock.
async fn two(store: &Store, clock: &Arc<ManualClock>) -> (Arc<App>, Arc<App>) {
    let keys = KeyEncryptionKeys::generate(&SystemRandom).to_text();
    (start_at(store, keys.expose(), clock).await, start_at(store, keys.expose(), clock).await)
}

fn begin(app: &Arc<App>, job: &'static ElectedJob) -> (JoinHandle<()>, CancellationToken) {
    let ended = CancellationToken::new();
    (tokio::spawn(run_elected(Arc::clone(app), job, ended.clone())), ended)
}

async fn one_of_two_runs_and_the_other_follows_when_it_stops(store: &Store) {
    let clock = Arc::new(ManualClock::at(START));
    let (one, two) = two(store, &clock).await;
    let seen = Arc::<Seen>::default();
    let job = counting(&seen, &open_gate());
    let (first, first_ended) = begin(&one, job);
    seen.runs_more(&one).await;
    let (second, second_ended) = begin(&two, job);
    seen.runs_more(&one).await;
    assert_eq!(seen.runs_of(&two), 0);
    first_ended.cancel();
    first.await.expect("it ends");
    seen.runs_more(&two).await;
    assert_eq!(seen.most_at_once.load(Ordering::SeqCst), 1);
    second_ended.cancel();
    second.await.expect("it ends");
    let lease = job_lease::find(&mut store.read(), "test").await.expect("read").expect("a lease");
    assert_eq!(lease.held_until, 0, "given back");
}

async fn a_holder_that_died_is_followed_after_its_lease_and_not_before(store: &Store) {
    let clock = Arc::new(ManualClock::at(START));
    let (one, two) = two(store, &clock).await;
    let seen = Arc::<Seen>::default();
    let job = counting(&seen, &open_gate());
    let (first, _ended) = begin(&one, job);
    seen.runs_more(&one).await;
    first.abort();
    assert!(first.await.expect_err("it died").is_cancelled());
    let took = |ended_before| async move {
        let take = |mut tx| async move { job_lease::take(&mut tx, "test", "stranger", START + 9, ended_before).await };
        store.write(take).await.expect("asked")
    };
    let end = START + i64::from(LEASE_SECONDS);
    assert!(!took(end).await, "the lease is not over");
    let (second, second_ended) = begin(&two, job);
    clock.advance(i64::from(LEASE_SECONDS) + CLOCK_SKEW_SECONDS + 1);
    seen.runs_more(&two).await;
    second_ended.cancel();
    second.await.expect("it ends");
    assert_eq!(seen.most_at_once.load(Ordering::SeqCst), 1);
}

async fn a_holder_whose_clock_ran_away_keeps_nobody_from_the_job(store: &Store) {
    let clock = Arc::new(ManualClock::at(START));
    let (one, _) = two(store, &clock).await;
    // It died in a year that has not come.
    let until = START + 10 * 365 * 24 * 60 * 60;
    let take = |mut tx| async move { job_lease::take(&mut tx, "test", "stranger", until, until).await };
    assert!(store.write(take).await.expect("asked"));
    let seen = Arc::<Seen>::default();
    let (running, ended) = begin(&one, counting(&seen, &open_gate()));
    seen.runs_more(&one).await;
    ended.cancel();
    running.await.expect("it ends");
}

async fn a_run_that_outlasts_the_lease_keeps_it(store: &Store) {
    let clock = Arc::new(ManualClock::at(START));
    let (one, two) = two(store, &clock).await;
    let seen = Arc::<Seen>::default();
    let gate = Arc::new(AtomicBool::new(false));
    let job = counting(&seen, &gate);
    let (first, first_ended) = begin(&one, job);
    until("it runs", IN_TIME, || async { (seen.runs_of(&one) == 1).then_some(()) }).await.expect("runs");
    let (second, second_ended) = begin(&two, job);
    // Lease after lease goes by, as the clock of both says, and is renewed meanwhile.
    for _ in 0..3 {
        clock.advance(i64::from(LEASE_SECONDS));
        let now = shared::clock::Clock::now(clock.as_ref());
        until("the lease is renewed", IN_TIME, || async {
            let lease = job_lease::find(&mut store.read(), "test").await.expect("read").expect("a lease");
            (lease.held_until == now + i64::from(LEASE_SECONDS)).then_some(())
        })
        .await
        .expect("renewed");
    }
    assert_eq!((seen.runs_of(&one), seen.runs_of(&two)), (1, 0));
    gate.store(true, Ordering::SeqCst);
    seen.runs_more(&one).await;
    assert_eq!(seen.most_at_once.load(Ordering::SeqCst), 1);
    for (running, ended) in [(first, first_ended), (second, second_ended)] {
        ended.cancel();
        running.await.expect("it ends");
    }
}

/// Makes every lease statement of one instance fail.
#[derive(Default)]
struct Away(AtomicBool);

impl Faults for Away {
    fn at(&self, name: &'static str) -> Option<Fault> {
        (name.starts_with("job_lease.") && self.0.load(Ordering::SeqCst)).then_some(Fault::Unavailable)
    }
}

async fn an_unreachable_database_stops_the_holder_and_not_the_loop(store: &Store) {
    let clock = Arc::new(ManualClock::at(START));
    let away = Arc::<Away>::default();
    let (one, _) = two(&store.with_faults(away.clone()), &clock).await;
    let seen = Arc::<Seen>::default();
    let gate = open_gate();
    let job = counting(&seen, &gate);
    let (first, first_ended) = begin(&one, job);
    seen.runs_more(&one).await;
    gate.store(false, Ordering::SeqCst);
    until("a run waits", IN_TIME, || async { (seen.at_once.load(Ordering::SeqCst) == 1).then_some(()) })
        .await
        .expect("runs");
    away.0.store(true, Ordering::SeqCst);
    until("the run is stopped", IN_TIME, || async { (seen.at_once.load(Ordering::SeqCst) == 0).then_some(()) })
        .await
        .expect("a holder that cannot renew stops");
    gate.store(true, Ordering::SeqCst);
    let before = seen.runs_of(&one);
    away.0.store(false, Ordering::SeqCst);
    until("it runs again", IN_TIME, || async { (seen.runs_of(&one) > before).then_some(()) }).await.expect("runs");
    first_ended.cancel();
    first.await.expect("it ends");
}
