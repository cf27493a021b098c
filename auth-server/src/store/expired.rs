//! What may be forgotten, over all tables: the one place that deletes rows because of their age, each time a bounded number.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Statement, StoreError, Tx},
    protocol::revocation_set::REVOCATION_MEMORY_SECONDS,
};

/// Rows deleted by one statement at most, so that no transaction is long.
pub const ROWS_A_STATEMENT: i64 = 500;
/// Ended things are kept this long, so that somebody who asks what happened finds them.
pub const KEPT_AFTER_END_SECONDS: i64 = 30 * 24 * 3600;
/// The change log is kept this long: longer than any access token lives, so that whoever starts finds every revocation that matters.
pub const CHANGE_LOG_SECONDS: i64 = 7 * 24 * 3600;
const _: () = assert!(CHANGE_LOG_SECONDS > REVOCATION_MEMORY_SECONDS);
/// A code that nobody redeemed is kept this long behind its end: its grant never came to life.
pub const UNREDEEMED_SECONDS: i64 = 24 * 3600;
/// A client assertion's id is kept this long behind its end, for clocks that differ.
pub const ASSERTION_SECONDS: i64 = 600;

/// A statement that forgets rows older than `now` minus its age.
pub struct Forget {
    statement: Statement,
    age_seconds: i64,
}

/// In an order that respects the references between tables.
pub const ALL: [Forget; 9] = [
    Forget {
        statement: Statement::new(
            "used_assertion.forget",
            "DELETE FROM used_assertion WHERE (client_id, jti) IN \
             (SELECT client_id, jti FROM used_assertion WHERE expires_at < $1 LIMIT $2)",
        ),
        age_seconds: ASSERTION_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "decided_request.forget",
            "DELETE FROM decided_request WHERE id IN (SELECT id FROM decided_request WHERE expires_at < $1 LIMIT $2)",
        ),
        age_seconds: ASSERTION_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "one_time_link.forget",
            "DELETE FROM one_time_link WHERE hash IN (SELECT hash FROM one_time_link WHERE expires_at < $1 LIMIT $2)",
        ),
        age_seconds: UNREDEEMED_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "browser_session.forget",
            "DELETE FROM browser_session WHERE hash IN (SELECT hash FROM browser_session WHERE expires_at < $1 OR ended_at < $1 LIMIT $2)",
        ),
        age_seconds: UNREDEEMED_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "authorization_grant.forget_unredeemed",
            "DELETE FROM authorization_grant WHERE id IN (SELECT id FROM authorization_grant \
             WHERE code_attempted_at IS NULL AND code_expires_at < $1 LIMIT $2)",
        ),
        age_seconds: UNREDEEMED_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "refresh_token.forget",
            "DELETE FROM refresh_token WHERE hash IN (SELECT r.hash FROM refresh_token r JOIN authorization_grant g \
             ON g.id = r.grant_id WHERE g.expires_at < $1 OR g.revoked_at < $1 LIMIT $2)",
        ),
        age_seconds: KEPT_AFTER_END_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "authorization_grant.forget",
            "DELETE FROM authorization_grant WHERE id IN (SELECT g.id FROM authorization_grant g \
             WHERE (g.expires_at < $1 OR g.revoked_at < $1) \
             AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.grant_id = g.id) LIMIT $2)",
        ),
        age_seconds: KEPT_AFTER_END_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "client.forget_unconfirmed",
            "DELETE FROM client WHERE id IN (SELECT c.id FROM client c WHERE c.confirmed_at IS NULL AND c.created_at < $1 \
             AND NOT EXISTS (SELECT 1 FROM authorization_grant g WHERE g.client_id = c.id) LIMIT $2)",
        ),
        age_seconds: crate::clients::client::UNCONFIRMED_LIFETIME_SECONDS,
    },
    Forget {
        statement: Statement::new(
            "change_log.forget",
            // The last row stays: whoever has read everything stands there.
            "DELETE FROM change_log WHERE position IN (SELECT position FROM change_log WHERE at < $1 \
             AND position < (SELECT position FROM change_position WHERE singleton = 1) ORDER BY position LIMIT $2)",
        ),
        age_seconds: CHANGE_LOG_SECONDS,
    },
];

/// Forgets at most [`ROWS_A_STATEMENT`] rows; returns how many.
///
/// # Errors
/// The database failed.
pub async fn forget(tx: &mut Tx, which: &'static Forget, now: UnixSeconds) -> Result<u64, StoreError> {
    tx.execute(&which.statement, binds![now - which.age_seconds, ROWS_A_STATEMENT]).await
}
