//! The members that OpenID Connect adds to a registration (Registration §2, RP-Initiated Logout §3.1). What this server does not do
//! (encryption, pairwise subjects, logos, contacts, …) is left out, and the answer says so by not naming it.

use super::{RegistrationRefusal, document::words};
use crate::clients::{OpenIdMetadata, openid_metadata::SUBJECT_TYPE};
use serde_json::{Map, Value};
use shared::protocol::token_algorithm::TokenAlgorithm;

/// A longer time means none at all.
const MAX_AGE_MAX_SECONDS: i64 = 10 * 365 * 24 * 60 * 60;

/// Reads the members that are honoured.
///
/// # Errors
/// A member has another type than its specification gives it.
pub(super) fn read(members: &Map<String, Value>) -> Result<OpenIdMetadata, RegistrationRefusal> {
    Ok(OpenIdMetadata {
        post_logout_redirect_uris: words(members, "post_logout_redirect_uris")?.unwrap_or_default(),
        id_token_signed_response_alg: word(members, "id_token_signed_response_alg")?.map(algorithm),
        subject_type: word(members, "subject_type")?.map(|_| SUBJECT_TYPE.to_owned()),
        default_max_age: seconds(members, "default_max_age")?,
        require_auth_time: flag(members, "require_auth_time")?,
    })
}

/// What is asked for, or what every OpenID provider has.
fn algorithm(asked: &str) -> TokenAlgorithm {
    TokenAlgorithm::parse(asked).unwrap_or(TokenAlgorithm::Rs256)
}

fn word<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, RegistrationRefusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(RegistrationRefusal::WrongType),
    }
}

fn seconds(members: &Map<String, Value>, name: &str) -> Result<Option<i64>, RegistrationRefusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_u64().ok_or(RegistrationRefusal::WrongType)?;
            Ok(Some(i64::try_from(seconds).unwrap_or(i64::MAX).min(MAX_AGE_MAX_SECONDS)))
        }
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<Option<bool>, RegistrationRefusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or(RegistrationRefusal::WrongType),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_AGE_MAX_SECONDS, read};
    use crate::clients::registration::RegistrationRefusal;
    use serde_json::{Value, json};

    fn answer(members: Value) -> Result<Value, RegistrationRefusal> {
        Ok(json!(read(members.as_object().expect("an object"))?))
    }

    #[test]
    fn what_is_honoured_is_answered_and_the_rest_is_not() {
        let honoured = json!({ "post_logout_redirect_uris": ["https://a.example/out"], "subject_type": "public",
            "id_token_signed_response_alg": "ES256", "default_max_age": 60, "require_auth_time": true });
        assert_eq!(answer(honoured.clone()), Ok(honoured));
        let other = json!({ "logo_uri": "https://a.example/l", "contacts": ["a@b"], "policy_uri": "x", "tos_uri": "x",
            "initiate_login_uri": "https://a.example/i", "userinfo_signed_response_alg": "RS256",
            "id_token_encrypted_response_alg": "RSA-OAEP", "sector_identifier_uri": "https://a.example/s" });
        assert_eq!(answer(other), Ok(json!({})));
    }

    #[test]
    fn what_cannot_be_had_is_replaced_and_said_so() {
        let asked =
            json!({ "id_token_signed_response_alg": "none", "subject_type": "pairwise", "default_max_age": u64::MAX });
        let given = json!({ "id_token_signed_response_alg": "RS256", "subject_type": "public", "default_max_age": MAX_AGE_MAX_SECONDS });
        assert_eq!(answer(asked), Ok(given));
    }

    #[test]
    fn wrong_types_are_refused() {
        for members in [
            json!({ "default_max_age": "60" }),
            json!({ "default_max_age": -1 }),
            json!({ "require_auth_time": "true" }),
            json!({ "subject_type": 7 }),
            json!({ "post_logout_redirect_uris": [7] }),
        ] {
            assert_eq!(answer(members), Err(RegistrationRefusal::WrongType));
        }
    }
}
