//! What an access token says: RFC 9068 §2.2, with the grant it came from and the organization it acts for.

use super::scope::ScopeSet;
use crate::clock::UnixSeconds;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::ops::RangeInclusive;

/// `typ` of an access token's header, RFC 9068 §2.1.
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";
/// No access token lives longer. So long, at least, every server remembers what was revoked.
pub const ACCESS_TOKEN_MAX_TTL_SECONDS: i64 = 24 * 60 * 60;
/// How long an access token may live, both included: for less, clients would do little but fetch the next one.
pub const ACCESS_TOKEN_TTL_SECONDS: RangeInclusive<i64> = 60..=ACCESS_TOKEN_MAX_TTL_SECONDS;
/// For so long after its expiry a resource server still takes a token: clocks differ by so much.
pub const EXPIRY_LEEWAY_SECONDS: i64 = 5;

/// The claims of an access token. Times are unix seconds; absent members are left out, never `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The authorization server, byte for byte as in its metadata (RFC 9068 §2.2).
    pub iss: String,
    /// The user, or for a machine's token the client (RFC 9068 §2.2).
    pub sub: String,
    /// The one resource it is for, as registered (RFC 9068 §2.2, RFC 8707 §2); always a single string.
    pub aud: String,
    /// When it ends (RFC 7519 §4.1.4).
    pub exp: UnixSeconds,
    /// When it was made (RFC 7519 §4.1.6).
    pub iat: UnixSeconds,
    /// Its own name, for revocation and logs (RFC 7519 §4.1.7).
    pub jti: String,
    /// The client it was issued to (RFC 8693 §4.3).
    pub client_id: String,
    /// What it may be used for (RFC 8693 §4.2): one string, separated by spaces.
    #[serde(serialize_with = "scope_to_text", deserialize_with = "scope_from_text")]
    pub scope: ScopeSet,
    /// What a machine's client is registered for on this resource, where it asked for less: so much more it could get by asking again. Empty
    /// where `scope` is all, and for users, whose roles tell.
    #[serde(
        default,
        skip_serializing_if = "ScopeSet::is_empty",
        serialize_with = "scope_to_text",
        deserialize_with = "scope_from_text"
    )]
    pub registered_scope: ScopeSet,
    /// Roles of the user (RFC 9068 §2.2.3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// When the user signed in (RFC 9068 §2.2.1); absent for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<UnixSeconds>,
    /// The grant it came from, so that revoking the grant ends it; absent for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The tenant that the grant chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The organization that the grant chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
}

fn scope_to_text<S: Serializer>(scope: &ScopeSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(scope)
}

fn scope_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScopeSet, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::{AccessTokenClaims, ScopeSet};

    fn claims() -> AccessTokenClaims {
        AccessTokenClaims {
            iss: "https://as.example".into(),
            sub: "client".into(),
            aud: "https://mcp.example/mcp".into(),
            exp: 1_000_900,
            iat: 1_000_000,
            jti: "j".into(),
            client_id: "client".into(),
            scope: "mcp.write mcp.read".parse().expect("scopes"),
            registered_scope: ScopeSet::default(),
            roles: vec![],
            auth_time: None,
            grant_id: None,
            tenant_id: None,
            organization_id: None,
        }
    }

    #[test]
    fn absent_members_are_left_out_and_scope_is_one_string() {
        let text = serde_json::to_string(&claims()).expect("json");
        assert_eq!(
            text,
            r#"{"iss":"https://as.example","sub":"client","aud":"https://mcp.example/mcp","exp":1000900,"iat":1000000,"jti":"j","client_id":"client","scope":"mcp.read mcp.write"}"#
        );
        assert_eq!(serde_json::from_str::<AccessTokenClaims>(&text).expect("claims"), claims());
    }

    #[test]
    fn every_member_survives_the_round_trip() {
        let all = AccessTokenClaims {
            registered_scope: "mcp.admin mcp.read mcp.write".parse().expect("scopes"),
            roles: vec!["member".into()],
            auth_time: Some(999_000),
            grant_id: Some("g".into()),
            tenant_id: Some("t".into()),
            organization_id: Some("o".into()),
            ..claims()
        };
        let text = serde_json::to_string(&all).expect("json");
        assert_eq!(serde_json::from_str::<AccessTokenClaims>(&text).expect("claims"), all);
    }

    #[test]
    fn an_audience_array_a_missing_claim_and_a_duplicate_are_no_claims() {
        let text = serde_json::to_string(&claims()).expect("json");
        let array = text.replace("\"https://mcp.example/mcp\"", "[\"https://mcp.example/mcp\"]");
        let missing = text.replace("\"jti\":\"j\",", "");
        let duplicate = text.replace("\"jti\":\"j\",", "\"jti\":\"j\",\"jti\":\"k\",");
        for bad in [array, missing, duplicate] {
            assert!(serde_json::from_str::<AccessTokenClaims>(&bad).is_err(), "{bad}");
        }
    }
}
