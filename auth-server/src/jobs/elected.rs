//! Jobs that one instance runs for all: a lease in the database says which. Its holder renews it, gives it back when it stops, and is followed by
//! another when it dies.
//!
//! The lease saves work and conflicts. What a job writes it still decides by predicate, because no lease binds an instance whose
//! clock or network lies.

use crate::{app::App, store::job_lease};
use shared::{db::StoreError, random::random_id};
use std::{error::Error, future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Clocks of instances may differ by less than this: a lease is taken from another only when it ended so long ago.
pub const CLOCK_SKEW_SECONDS: i64 = 5;
/// A lease is renewed when a part of it this large is over.
const RENEWED_AT: f64 = 1.0 / 3.0;
/// A job is stopped when its lease could not be renewed until a part of it this large is over.
const STOPPED_AT: f64 = 0.9;

/// Why a job did not do its work this time.
pub type JobError = Box<dyn Error + Send + Sync>;
/// One run of a job.
pub type JobRun = Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

/// A job that one instance runs for all.
pub struct ElectedJob {
    /// Its name: the key of its lease, and what the log calls it.
    pub name: &'static str,
    /// From the end of one run to the begin of the next.
    pub period: Duration,
    /// For how long a holder that died keeps the others waiting.
    pub lease_seconds: u32,
    /// One run. It may be dropped at any `await`: when the server stops, or when the lease was lost.
    pub run: &'static (dyn Fn(Arc<App>) -> JobRun + Send + Sync),
}

impl std::fmt::Debug for ElectedJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ElectedJob").field("name", &self.name).field("period", &self.period).finish_non_exhaustive()
    }
}

impl ElectedJob {
    fn part_of_lease(&self, part: f64) -> Duration {
        Duration::from_secs(u64::from(self.lease_seconds)).mul_f64(part)
    }
}

/// Runs `job` until `ended`, whenever this instance holds its lease. A database that cannot be reached is tried again and again; meanwhile
/// nobody runs the job.
pub async fn run_elected(app: Arc<App>, job: &'static ElectedJob, ended: CancellationToken) {
    let mut candidate = Candidate::new(app, job);
    loop {
        tokio::select! {
            biased;
            () = ended.cancelled() => break,
            () = candidate.turn() => {}
        }
        let pause = candidate.pause();
        tokio::select! {
            () = ended.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    candidate.resign().await;
}

/// This instance, as far as one job is concerned.
struct Candidate {
    app: Arc<App>,
    job: &'static ElectedJob,
    /// Its name in the lease.
    id: String,
    /// When the lease was last taken or renewed; `None` while another holds it, or nobody can tell.
    leased_at: Option<Instant>,
    /// When the last run ended.
    ran_at: Option<Instant>,
    /// The run under way: aborted with this value.
    running: JoinSet<Result<(), JobError>>,
    failing: bool,
    unreachable: bool,
}

impl Candidate {
    fn new(app: Arc<App>, job: &'static ElectedJob) -> Self {
        let id = random_id(app.random.as_ref());
        let running = JoinSet::new();
        Self { app, job, id, leased_at: None, ran_at: None, running, failing: false, unreachable: false }
    }

    /// Takes or renews the lease; runs the job if it is time.
    async fn turn(&mut self) {
        // The end of an earlier turn that was cancelled.
        self.running.shutdown().await;
        self.stand().await;
        let is_due = self.ran_at.is_none_or(|at| at.elapsed() >= self.job.period);
        if self.leased_at.is_some() && is_due {
            self.run().await;
        }
    }

    /// Runs the job once and renews the lease meanwhile; stops it when the lease is lost.
    async fn run(&mut self) {
        self.running.spawn((self.job.run)(Arc::clone(&self.app)));
        loop {
            tokio::select! {
                done = self.running.join_next() => {
                    self.tell(done.map_or(Ok(()), |done| done.unwrap_or_else(|error| Err(error.into()))));
                    self.ran_at = Some(Instant::now());
                    return;
                }
                () = tokio::time::sleep(self.job.part_of_lease(RENEWED_AT)) => self.stand().await,
            }
            if self.leased_at.is_none() {
                self.running.shutdown().await;
                tracing::warn!(job = self.job.name, "stopped: its lease could not be renewed");
                return;
            }
        }
    }

    /// Takes the lease if it is free, renews it if it is ours and some of it is over.
    async fn stand(&mut self) {
        let age = self.leased_at.map(|at| at.elapsed());
        if age.is_some_and(|age| age < self.job.part_of_lease(RENEWED_AT)) {
            return;
        }
        let asked_at = Instant::now();
        let left = age.map(|age| self.job.part_of_lease(STOPPED_AT).saturating_sub(age));
        let asked = match left {
            // A holder must not wait for an answer beyond its lease.
            Some(left) => tokio::time::timeout(left, self.take()).await.ok(),
            None => Some(self.take().await),
        };
        let result =
            asked.unwrap_or_else(|| Err(StoreError::Unavailable { cause: "job_lease.take: no answer".into() }));
        match &result {
            Ok(true) => self.leased_at = Some(asked_at),
            Ok(false) => self.leased_at = None,
            // The lease may still be ours; nobody else has it before it ends.
            Err(_) if self.is_held() => {}
            Err(_) => self.leased_at = None,
        }
        if result.is_err() != self.unreachable {
            self.unreachable = result.is_err();
            match result {
                Err(error) => tracing::warn!(job = self.job.name, %error, "the lease cannot be asked for"),
                Ok(_) => tracing::info!(job = self.job.name, "the lease can be asked for again"),
            }
        }
    }

    fn is_held(&self) -> bool {
        self.leased_at.is_some_and(|at| at.elapsed() < self.job.part_of_lease(STOPPED_AT))
    }

    async fn take(&self) -> Result<bool, StoreError> {
        let (job, id, now) = (self.job.name, self.id.as_str(), self.app.clock.now());
        let ended_before = now - CLOCK_SKEW_SECONDS;
        // Most instances ask most of the time in vain: a read, and no write.
        let until = now + i64::from(self.job.lease_seconds);
        let lease = job_lease::find(&mut self.app.store.read(), job).await?;
        let stands = ended_before..=until.saturating_add(job_lease::RUNAWAY_SECONDS);
        if lease.is_some_and(|lease| lease.holder != id && stands.contains(&lease.held_until)) {
            return Ok(false);
        }
        self.app.store.write(|mut tx| async move { job_lease::take(&mut tx, job, id, until, ended_before).await }).await
    }

    /// How long nothing has to be done.
    fn pause(&self) -> Duration {
        let to_renewal = self.job.part_of_lease(RENEWED_AT);
        if self.leased_at.is_none() {
            return self.job.period.min(to_renewal);
        }
        let to_run = self.ran_at.map_or(Duration::ZERO, |at| self.job.period.saturating_sub(at.elapsed()));
        to_run.min(to_renewal)
    }

    fn tell(&mut self, result: Result<(), JobError>) {
        match result {
            Ok(()) if self.failing => tracing::info!(job = self.job.name, "does its work again"),
            Err(error) if !self.failing => tracing::warn!(job = self.job.name, %error, "did not do its work"),
            _ => return,
        }
        self.failing = !self.failing;
    }

    /// Ends what runs, then lets another take the lease at once.
    async fn resign(mut self) {
        self.running.shutdown().await;
        if self.leased_at.is_none() {
            return;
        }
        let (job, id) = (self.job.name, self.id.as_str());
        let released = self.app.store.write(|mut tx| async move { job_lease::release(&mut tx, job, id).await }).await;
        if let Err(error) = released {
            tracing::debug!(job, %error, "the lease was not given back; it ends by itself");
        }
    }
}
