//! `GET` and `POST /oauth2/userinfo` (OpenID Connect Core §5.3): what a client may learn of the person behind its token.

use super::{form, guard, respond::json_no_store};
use crate::{
    app::App,
    error::OAuthError,
    identity::{claims::UserClaims, scopes::OPENID},
    parameters::{Parameters, is_form},
    store::user_account,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// With the token in the header.
///
/// # Errors
/// RFC 6750 §3.
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, OAuthError> {
    answer(&app, &headers, None).await
}

/// With the token in the header, or in a form (RFC 6750 §2.2).
///
/// # Errors
/// RFC 6750 §3.
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, OAuthError> {
    let form = if is_form(&headers) { form::read(&headers, body).await? } else { Parameters::default() };
    answer(&app, &headers, form.get("access_token")).await
}

async fn answer(app: &App, headers: &HeaderMap, in_form: Option<&str>) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let claims = guard::require_for_any_audience(app, headers, in_form, OPENID, now).await?;
    let profile = user_account::find_profile(&mut app.store.read(), &claims.sub).await?;
    let profile = profile.filter(|profile| profile.user.is_active()).ok_or_else(guard::nobody_behind_the_token)?;
    Ok(json_no_store(StatusCode::OK, &UserClaims::of(&profile, &claims.scope)))
}
