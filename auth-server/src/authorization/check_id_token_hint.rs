//! `id_token_hint` (OpenID Connect Core §3.1.2.1): the user whom the client means, by an ID token that it was given.

use super::{Prompt, Refusal};
use crate::{clients::Client, identity::hint, parameters::Parameters};
use keys::KeyRing;
use shared::protocol::error_code::ErrorCode;

/// The user that the hint names. One that is no ID token of ours for this client names nobody: then whoever is there may answer, unless
/// nobody may be asked (`prompt=none`).
pub(super) fn check_id_token_hint(
    keys: &KeyRing,
    issuer: &str,
    client: &Client,
    prompt: Prompt,
    parameters: &Parameters,
) -> Result<Option<String>, Refusal> {
    let Some(token) = parameters.get("id_token_hint") else { return Ok(None) };
    let hint = hint::read(keys, issuer, token).filter(|hint| hint.client_id == client.id);
    if hint.is_none() && prompt.none {
        return Err(Refusal::new(ErrorCode::LoginRequired, "The id_token_hint names nobody to this client."));
    }
    Ok(hint.map(|hint| hint.user_id))
}
