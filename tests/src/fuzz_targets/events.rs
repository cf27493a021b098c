//! What the two servers say to each other about revocations.

use auth_server::change_log::Position;
use serde_json::Value;
use shared::protocol::access_token_claims::AccessTokenClaims;
use shared::protocol::event_poll::{PollAnswer, PollRequest};
use shared::protocol::revocation_set::{RevocableToken, RevocationSet};
use shared::protocol::scope::ScopeSet;
use shared::protocol::security_event::{Revocation, RevocationKind};
use shared::protocol::security_event_token::{read_security_event, security_event_claims};
use shared::protocol::strict_json;

const ISSUER: &str = "https://auth.example";

/// Bytes are a poll, an answer to one, or a position: each reads back as what it was read as.
pub(super) fn event_poll(bytes: &[u8]) {
    if let Ok(request) = PollRequest::parse(bytes) {
        let printed = serde_json::to_vec(&request).expect("it has a JSON form");
        assert_eq!(PollRequest::parse(&printed).as_ref(), Ok(&request));
    }
    if let Ok(answer) = PollAnswer::parse(bytes) {
        let printed = serde_json::to_vec(&answer).expect("it has a JSON form");
        assert_eq!(PollAnswer::parse(&printed).as_ref(), Ok(&answer));
    }
    if let Some(position) = super::text(bytes).and_then(Position::parse) {
        assert!(position.position >= 0);
        assert_eq!(Position::parse(&position.to_string()), Some(position));
    }
}

/// Bytes are a list of the claims of security events. What is known of one is written as what it was read from; and second reader: the
/// meaning of each, one by one.
pub(super) fn security_events(bytes: &[u8]) {
    let Ok(Value::Array(events)) = strict_json::parse(bytes) else { return };
    let mut set = RevocationSet::default();
    let mut revocations: Vec<Revocation> = Vec::new();
    for claims in events.iter().filter_map(Value::as_object) {
        let Ok(revocation) = read_security_event(claims, ISSUER) else { continue };
        match security_event_claims(ISSUER, "r", "j", &revocation) {
            None => assert_eq!(revocation.kind, RevocationKind::Unrecognised),
            Some(written) => {
                let written = written.as_object().expect("an object").clone();
                assert_eq!(read_security_event(&written, ISSUER).as_ref(), Ok(&revocation));
            }
        }
        set.insert(revocation.kind, &revocation.subject, revocation.at);
        revocations.push(revocation);
    }
    for organization_id in [None, Some("o".to_owned())] {
        let claims = AccessTokenClaims {
            iss: ISSUER.to_owned(),
            sub: "u".to_owned(),
            aud: "https://mcp.example/mcp".to_owned(),
            exp: 1_800_000_900,
            iat: 1_800_000_000,
            jti: "j".to_owned(),
            client_id: "c".to_owned(),
            scope: ScopeSet::default(),
            registered_scope: ScopeSet::default(),
            roles: Vec::new(),
            auth_time: None,
            grant_id: Some("g".to_owned()),
            tenant_id: None,
            organization_id,
        };
        let one_by_one = revocations.iter().any(|revocation| revocation.covers(&claims, "k"));
        assert_eq!(set.revokes(&RevocableToken::new(&claims, "k")), one_by_one);
    }
}
