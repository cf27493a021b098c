//! Table `job_lease`: which instance runs a job that only one may run.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
};

const TAKE: Statement = Statement::new(
    "job_lease.take",
    "INSERT INTO job_lease (name, holder, held_until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
     SET holder = excluded.holder, held_until = excluded.held_until \
     WHERE job_lease.holder = excluded.holder OR job_lease.held_until < $4 OR job_lease.held_until > $5",
);
const FIND: Statement = Statement::new("job_lease.find", "SELECT holder, held_until FROM job_lease WHERE name = $1");
const RELEASE: Statement =
    Statement::new("job_lease.release", "UPDATE job_lease SET held_until = 0 WHERE name = $1 AND holder = $2");

/// Who holds a job, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder's id.
    pub holder: String,
    /// The end, unless the holder renews it.
    pub held_until: UnixSeconds,
}

/// Whoever wrote a lease that ends by this much later than ours would had a clock that ran away: without that bound a holder that dies before its clock
/// is put right would keep everybody from the job until then.
pub const RUNAWAY_SECONDS: i64 = 60 * 60;

/// Takes or renews the lease of `name` until `until`; `false` while another holds one that does not end before `ended_before`, unless it ends
/// [`RUNAWAY_SECONDS`] behind `until`.
pub async fn take(
    tx: &mut Tx,
    name: &str,
    holder: &str,
    until: UnixSeconds,
    ended_before: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&TAKE, binds![name, holder, until, ended_before, until.saturating_add(RUNAWAY_SECONDS)]).await? == 1)
}

/// The lease of `name`; `None` if nobody ever held it.
pub async fn find(db: &mut impl Fetch, name: &str) -> Result<Option<Lease>, StoreError> {
    let Some(row) = db.fetch_optional(&FIND, binds![name]).await? else { return Ok(None) };
    Ok(Some(Lease { holder: row.get("holder")?, held_until: row.get("held_until")? }))
}

/// Ends the lease if `holder` still holds it.
pub async fn release(tx: &mut Tx, name: &str, holder: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&RELEASE, binds![name, holder]).await? == 1)
}
