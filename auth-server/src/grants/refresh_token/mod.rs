//! `grant_type=refresh_token` (RFC 6749 §6, RFC 9700 §4.14.2): the reason users stay. The rules are in [`decide`](mod@decide).
//!
//! Read, check, decide, sign, and only then write, where a predicate decides again; whoever loses that race starts over. A
//! token is shown after its transaction committed. A store or key that fails is 503: nothing was decided, nothing is lost.

pub mod answer_again;
pub mod chain;
pub mod check_client;
pub mod decide;
pub mod drive_machine;
pub mod prolong;
pub mod revoke_family;
pub mod rotate;
pub mod supersede;

use super::{
    Counted, GrantRefusal, TokenAnswer, TokenCall,
    check_target::check_target,
    narrow_scope::{held_scope, narrow_scope},
    rate_limits,
};
use crate::{
    app::App,
    change_log::follower::catch_up,
    clients::authenticate::{SpendError, Spent},
    organizations::Standing,
    resources::Resource,
    store::refresh_token::{self, LiveToken, PresentedToken},
    tokens::{
        AccessToken, AccessTokenRequest, GrantClaims, IdTokenRequest, lifetimes::REFRESH_GRACE_MAX_SECONDS, mint,
        mint_id_token,
    },
};
use decide::{Family, Live, Presented, RefreshDecision, decide};
use shared::{
    db::StoreError,
    protocol::{
        opaque_token::{OpaqueToken, TokenKind},
        revocation_set::TokenHolder,
        scope::ScopeSet,
    },
    secret::Secret,
};
use std::sync::Arc;

/// A request that loses more races than this is told to come back.
const RACES_MAX: u32 = 16;

/// A presented token whose checks have passed.
pub(super) struct Presentation<'a> {
    app: &'a App,
    call: &'a TokenCall<'a>,
    token: &'a OpaqueToken,
    stored: PresentedToken,
    live: Option<LiveToken>,
    block: Option<String>,
}

/// What a transaction made of the request.
pub(super) enum Outcome {
    /// Hand out this refresh token.
    Answered(OpaqueToken, Spent),
    /// Somebody else was faster: read again.
    LostRace,
}

/// Why a transaction was rolled back.
pub(super) enum Undone {
    /// Another one was first.
    LostRace,
    /// There is no token.
    Refused(GrantRefusal),
}

impl Undone {
    /// What a lost race is, apart from a refusal.
    fn outcome(self) -> Result<Outcome, GrantRefusal> {
        match self {
            Self::LostRace => Ok(Outcome::LostRace),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

impl From<StoreError> for Undone {
    fn from(cause: StoreError) -> Self {
        Self::Refused(cause.into())
    }
}

impl From<SpendError> for Undone {
    fn from(cause: SpendError) -> Self {
        Self::Refused(cause.into())
    }
}

/// Answers a refresh request.
///
/// # Errors
/// Why there is no token.
pub async fn answer(app: &App, call: &TokenCall<'_>) -> Result<TokenAnswer, GrantRefusal> {
    let text =
        call.parameters.get("refresh_token").ok_or(GrantRefusal::Missing("The parameter refresh_token is missing."))?;
    let token = OpaqueToken::parse(TokenKind::RefreshToken, text).ok_or(GrantRefusal::RefreshTokenEnded)?;
    let mut counted = None;
    for race in 0..RACES_MAX {
        if let Some(answer) = attempt(app, call, &token, race == 0, &mut counted).await? {
            return Ok(answer);
        }
    }
    Err(GrantRefusal::Contended)
}

/// One pass over the rules; `None` when the race was lost.
async fn attempt(
    app: &App,
    call: &TokenCall<'_>,
    token: &OpaqueToken,
    first: bool,
    counted: &mut Option<Counted>,
) -> Result<Option<TokenAnswer>, GrantRefusal> {
    let presentation = recover(app, call, token).await?;
    check_client::check_client(&presentation).await?;
    if presentation.decide() == RefreshDecision::Refuse {
        return Err(GrantRefusal::RefreshTokenEnded);
    }
    let (resource, standing, scope) = presentation.check_access()?;
    if first {
        *counted = presentation.check_limit().await?;
    }
    let access_token = presentation.sign(&resource, &standing, &scope)?;
    let id_token = presentation.sign_id_token(&access_token, &scope)?;
    let outcome = match presentation.decide() {
        RefreshDecision::Refuse => return Err(GrantRefusal::RefreshTokenEnded),
        RefreshDecision::Wait => {
            let retry_after_seconds = decide::REPLAYS_RETRY_AFTER_SECONDS;
            return Err(GrantRefusal::TooMany { retry_after_seconds, counted: None });
        }
        RefreshDecision::Rotate if prolong::is_bound_to_a_key(&presentation) => prolong::prolong(&presentation).await?,
        RefreshDecision::Rotate => rotate::rotate(&presentation).await?,
        RefreshDecision::AnswerAgain { counted } => answer_again::answer_again(&presentation, counted).await?,
        RefreshDecision::Supersede => supersede::supersede(&presentation).await?,
        RefreshDecision::Theft => return revoke_family::revoke_family(&presentation).await,
    };
    Ok(match outcome {
        Outcome::Answered(token, spent) => {
            let refresh_token = Some(token);
            Some(TokenAnswer { access_token, id_token, refresh_token, scope, counted: *counted, spent })
        }
        Outcome::LostRace => None,
    })
}

/// Reads the token with its family, its user and, unless it is live itself, the family's live token.
async fn recover<'a>(
    app: &'a App,
    call: &'a TokenCall<'a>,
    token: &'a OpaqueToken,
) -> Result<Presentation<'a>, GrantRefusal> {
    let mut reader = app.store.read();
    let stored = refresh_token::find(&mut reader, &token.hash()).await?.ok_or(GrantRefusal::RefreshTokenEnded)?;
    if stored.grant.successor_key_id.as_deref().is_some_and(|id| app.successor_keys.find(id).is_none()) {
        // Another instance began the family under a key that this one has not heard of yet.
        catch_up(app).await.map_err(|_| GrantRefusal::Chain("the keys could not be loaded"))?;
    }
    let block = call.address_block.map(|block| block.to_string());
    let live = if stored.answered_at.or(stored.superseded_at).is_some() {
        refresh_token::find_live(&mut reader, &stored.grant.id, stored.generation, block.as_deref()).await?
    } else {
        None
    };
    Ok(Presentation { app, call, token, stored, live, block })
}

impl Presentation<'_> {
    fn decide(&self) -> RefreshDecision {
        let presented = Presented {
            expires_at: self.stored.expires_at,
            answered_at: self.stored.answered_at,
            superseded_at: self.stored.superseded_at,
            replays: self.stored.replays,
        };
        let family = Family {
            revoked: self.stored.grant.revoked_at.is_some(),
            expires_at: self.stored.grant.expires_at,
            live: self
                .live
                .map(|live| Live { expires_at: live.expires_at, successor_presented: live.successor_presented }),
        };
        let own = self.call.client.client.refresh_grace_seconds;
        let grace_seconds = own.unwrap_or(self.app.lifetimes.refresh_grace_seconds).clamp(0, REFRESH_GRACE_MAX_SECONDS);
        decide(&presented, &family, grace_seconds, self.call.now)
    }

    /// Counts what is about to be answered. Theft is not: it can happen once, and no limit may hide it.
    async fn check_limit(&self) -> Result<Option<Counted>, GrantRefusal> {
        match self.decide() {
            RefreshDecision::Refuse | RefreshDecision::Theft => Ok(None),
            RefreshDecision::Rotate => rate_limits::check_grant(self.app, &self.stored.grant.id, self.call.now).await,
            RefreshDecision::AnswerAgain { .. } | RefreshDecision::Wait | RefreshDecision::Supersede => {
                rate_limits::check_left_token(self.app, &self.token.hash(), self.call.now).await
            }
        }
    }

    /// Checks target, user, membership and scope and runs the machine; nothing of this uses anything up.
    fn check_access(&self) -> Result<(Arc<Resource>, Standing, ScopeSet), GrantRefusal> {
        let (app, call, grant) = (self.app, self.call, &self.stored.grant);
        let resource = check_target(&app.resources, call.parameters, &grant.resource)?;
        let standing = self.stored.standing().ok_or(GrantRefusal::UserGone)?;
        let held = held_scope(&grant.scope, &call.client.client, &standing.roles, &resource)?;
        let asked = narrow_scope(call.parameters.get("scope"), held)?;
        let scope = drive_machine::drive_machine(call, grant, &asked)?;
        Ok((resource, standing, scope))
    }

    fn sign(&self, resource: &Resource, standing: &Standing, scope: &ScopeSet) -> Result<AccessToken, GrantRefusal> {
        let (app, grant) = (self.app, &self.stored.grant);
        let request = AccessTokenRequest {
            issuer: &app.issuer,
            subject: &grant.user_id,
            client_id: &grant.client_id,
            resource,
            scope,
            registered_scope: scope,
            user: Some(GrantClaims {
                grant_id: &grant.id,
                grant_expires_at: grant.expires_at,
                standing,
                authenticated_at: grant.authenticated_at,
            }),
        };
        let (subject, client_id) = (grant.user_id.as_str(), grant.client_id.as_str());
        let holder = TokenHolder { subject, client_id, organization_id: standing.organization_id() };
        let issued_at = app.revocations.issue_time(&holder, self.call.known, self.call.now);
        Ok(mint(&request, &app.keys, &app.lifetimes, &*app.random, issued_at)?)
    }

    /// The same issuer, subject, audience and time of sign-in as the first one; no nonce, which was for the first (OpenID Connect Core §12.2).
    fn sign_id_token(&self, access_token: &AccessToken, scope: &ScopeSet) -> Result<Option<Secret>, GrantRefusal> {
        let (app, grant) = (self.app, &self.stored.grant);
        let request = IdTokenRequest {
            issuer: &app.issuer,
            subject: &grant.user_id,
            client: &self.call.client.client,
            scope,
            authenticated_at: grant.authenticated_at,
            nonce: None,
            access_token: &access_token.token,
        };
        Ok(mint_id_token(&request, &app.keys, self.call.now)?)
    }
}
