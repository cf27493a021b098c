//! The transaction that turns a code into tokens: signed before, shown after.

use super::{
    Purchase,
    revoke_replayed::{revoke_in, theft_event},
};
use crate::{
    app::App,
    change_log::{self, Change},
    clients::{GrantType, authenticate::Spent},
    grants::{GrantRefusal, TokenAnswer, TokenCall},
    store::{
        authorization_grant::{self, AuthorizationGrant},
        client,
        refresh_token::{self, NewRefreshToken},
    },
    tokens::{AccessToken, AccessTokenRequest, GrantClaims, IdTokenRequest, mint, mint_id_token},
};
use keys::SigningError;
use shared::{
    db::{StoreError, Tx},
    protocol::{
        opaque_token::{OpaqueToken, TokenKind},
        revocation_set::TokenHolder,
    },
    secret::Secret,
};

/// The first token of a family, with the key that derives the others.
struct NewFamily {
    token: OpaqueToken,
    successor_key_id: String,
}

enum Outcome {
    Redeemed(Spent),
    Replayed,
    Ended,
}

/// Burns the code and stores what it buys, in one transaction.
///
/// # Errors
/// Somebody else presented it first, it ended in between, or we could not answer.
pub async fn redeem_code(
    app: &App,
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    purchase: &Purchase,
) -> Result<TokenAnswer, GrantRefusal> {
    let family = begin_family(app, call)?;
    let (access_token, id_token) = sign(app, call, grant, purchase)?;
    let replayed = theft_event(app, call, grant);
    let (family_ref, replayed) = (family.as_ref(), &replayed);
    let outcome = app
        .store
        .write(|mut tx| async move {
            let spent = call.client.spend(&mut tx).await?;
            let key = family_ref.map(|family| family.successor_key_id.as_str());
            if authorization_grant::redeem_code(&mut tx, &grant.id, key, call.now).await? {
                store_purchase(&mut tx, app, call, grant, family_ref).await?;
                return Ok(Outcome::Redeemed(spent));
            }
            if authorization_grant::attempt_code(&mut tx, &grant.id, call.now).await? {
                return Ok(Outcome::Ended);
            }
            revoke_in(&mut tx, grant, replayed, call.now).await?;
            Ok::<_, GrantRefusal>(Outcome::Replayed)
        })
        .await?;
    match outcome {
        Outcome::Redeemed(spent) => Ok(TokenAnswer {
            access_token,
            id_token,
            refresh_token: family.map(|family| family.token),
            scope: purchase.scope.clone(),
            // A code buys once: there is nothing to count.
            counted: None,
            spent,
        }),
        Outcome::Ended => Err(GrantRefusal::CodeEnded),
        Outcome::Replayed => Err(GrantRefusal::CodeReplayed),
    }
}

/// The access token, and the ID token if the scope has `openid`.
fn sign(
    app: &App,
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    purchase: &Purchase,
) -> Result<(AccessToken, Option<Secret>), SigningError> {
    let (subject, client_id) = (grant.user_id.as_str(), grant.client_id.as_str());
    let holder = TokenHolder { subject, client_id, organization_id: grant.organization_id.as_deref() };
    let issued_at = app.revocations.issue_time(&holder, call.known, call.now);
    let access_token = mint(
        &AccessTokenRequest {
            issuer: &app.issuer,
            subject: &grant.user_id,
            client_id: &grant.client_id,
            resource: &purchase.resource,
            scope: &purchase.scope,
            registered_scope: &purchase.scope,
            user: Some(GrantClaims {
                grant_id: &grant.id,
                grant_expires_at: grant.expires_at,
                standing: &purchase.standing,
                authenticated_at: grant.authenticated_at,
            }),
        },
        &app.keys,
        &app.lifetimes,
        &*app.random,
        issued_at,
    )?;
    let id_token = mint_id_token(
        &IdTokenRequest {
            issuer: &app.issuer,
            subject: &grant.user_id,
            client: &call.client.client,
            scope: &purchase.scope,
            authenticated_at: grant.authenticated_at,
            nonce: grant.nonce.as_deref(),
            access_token: &access_token.token,
        },
        &app.keys,
        call.now,
    )?;
    Ok((access_token, id_token))
}

/// A refresh token goes to every client that registered the grant, whether or not it asked for `offline_access`: clients differ
/// on whether they do.
fn begin_family(app: &App, call: &TokenCall<'_>) -> Result<Option<NewFamily>, GrantRefusal> {
    if !call.client.client.allows_grant(GrantType::RefreshToken) {
        return Ok(None);
    }
    let successor_key_id = app.successor_keys.current().id().to_owned();
    let token = OpaqueToken::generate(TokenKind::RefreshToken, &*app.random);
    Ok(Some(NewFamily { token, successor_key_id }))
}

async fn store_purchase(
    tx: &mut Tx,
    app: &App,
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    family: Option<&NewFamily>,
) -> Result<(), StoreError> {
    if let Some(family) = family {
        let block = call.address_block.map(|block| block.to_string());
        let token = NewRefreshToken {
            hash: family.token.hash(),
            grant_id: &grant.id,
            generation: 0,
            created_at: call.now,
            expires_at: grant.expires_at.min(call.now + app.lifetimes.refresh_idle_seconds),
            address_block: block.as_deref(),
        };
        refresh_token::insert(tx, &token).await?;
    }
    let client = &call.client.client;
    if client.confirmed_at.is_none() && client::confirm(tx, &client.id, call.now).await? {
        change_log::append(tx, Change::ClientChanged(&client.id), call.now).await?;
    }
    Ok(())
}
