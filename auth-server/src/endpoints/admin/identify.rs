//! Who asks: the bearer token, and whether its holder administers now.

use crate::{
    administration::{NotAdministrator, Operation, find_administrator},
    app::App,
    audit::Actor,
    endpoints::guard::{insufficient_scope, require_one_of},
    error::OAuthError,
    resources::resource::{ADMIN_READ_SCOPE, ADMIN_SCOPE},
};
use http::{HeaderMap, StatusCode};
use shared::{
    clock::UnixSeconds,
    protocol::{error_code::ErrorCode, scope::ScopeSet},
};

/// Enough for looking, the least first.
const TO_LOOK: &[&str] = &[ADMIN_READ_SCOPE, ADMIN_SCOPE];
/// Enough for everything.
const TO_CHANGE: &[&str] = &[ADMIN_SCOPE];

/// Who may perform `operation` with the token in these headers.
///
/// # Errors
/// 401 or 403 with a challenge (RFC 6750 §3), or 503 when nobody knows.
pub(super) async fn identify(
    app: &App,
    headers: &HeaderMap,
    operation: &Operation,
    now: UnixSeconds,
) -> Result<Actor, OAuthError> {
    let accepted = if operation.changes() { TO_CHANGE } else { TO_LOOK };
    let claims = require_one_of(app, headers, accepted, now).await?;
    find_administrator(app, &claims, accepted, now).await.map_err(|cause| match cause {
        NotAdministrator::Client => {
            forbidden("The client of this token may not administer: an administrator gives it the interface by name.")
        }
        NotAdministrator::Scope => insufficient_scope(&accepted.iter().copied().take(1).collect::<ScopeSet>()),
        NotAdministrator::Machine => forbidden("The client of this token is no machine any more."),
        NotAdministrator::User => forbidden("The user of this token does not administer this installation."),
        NotAdministrator::Store(cause) => cause.into(),
    })
}

fn forbidden(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, description).with_status(StatusCode::FORBIDDEN)
}
