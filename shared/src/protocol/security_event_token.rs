//! What a Security Event Token says: the claims of RFC 8417 §2.2 around one [`Revocation`], its subject in the formats of RFC 9493.
//!
//! The end of what a user holds is CAEP's `session-revoked`; what no published event type says has one of ours, under the issuer's URL.

use super::security_event::{Revocation, RevocationKind, user_in_organization_subject};
use crate::clock::UnixSeconds;
use serde_json::{Map, Value, json};

/// `typ` of the header (RFC 8417 §2.3).
pub const SECURITY_EVENT_TYP: &str = "secevent+jwt";
/// OpenID CAEP 1.0 §3.1: everything that was allowed by the subject until then has ended.
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// Where our own event types stand, below the issuer.
const OWN_EVENT_TYPES: &str = "/secevent/event-type/";
/// Our own event types, by name.
const OWN: [(RevocationKind, &str); 7] = [
    (RevocationKind::Grant, "grant-revoked"),
    (RevocationKind::Jti, "token-revoked"),
    (RevocationKind::StaticToken, "static-token-revoked"),
    (RevocationKind::Client, "client-revoked"),
    (RevocationKind::Resource, "resource-revoked"),
    (RevocationKind::Kid, "key-revoked"),
    (RevocationKind::AllBefore, "all-revoked"),
];

/// The claims of the token that tells `audience` of `revocation`. The same event always has the same claims: `iat` is its time, too.
/// `None` for [`RevocationKind::Unrecognised`], which nobody can tell.
pub fn security_event_claims(issuer: &str, audience: &str, jti: &str, revocation: &Revocation) -> Option<Value> {
    let event_type = event_type(issuer, revocation.kind)?;
    let at = revocation.at;
    Some(json!({
        "iss": issuer,
        "aud": audience,
        "iat": at,
        "jti": jti,
        "sub_id": subject_id(issuer, revocation),
        "events": { event_type: { "event_timestamp": at } },
    }))
}

fn event_type(issuer: &str, kind: RevocationKind) -> Option<String> {
    use RevocationKind::{Organization, User, UserInOrganization};
    if matches!(kind, User | UserInOrganization | Organization) {
        return Some(SESSION_REVOKED.to_owned());
    }
    OWN.iter().find(|(own, _)| *own == kind).map(|(_, name)| format!("{issuer}{OWN_EVENT_TYPES}{name}"))
}

/// RFC 9493 §3.2; `jwt_id` and `complex` are of the OpenID Shared Signals Framework 1.0, §3.
fn subject_id(issuer: &str, revocation: &Revocation) -> Value {
    let subject = &*revocation.subject;
    let opaque = |id: &str| json!({"format": "opaque", "id": id});
    let user = |id: &str| json!({"format": "iss_sub", "iss": issuer, "sub": id});
    match revocation.kind {
        RevocationKind::User => user(subject),
        RevocationKind::UserInOrganization => {
            let (user_id, organization_id) = subject.split_once('/').unwrap_or((subject, ""));
            json!({"format": "complex", "user": user(user_id), "tenant": opaque(organization_id)})
        }
        RevocationKind::Organization => json!({"format": "complex", "tenant": opaque(subject)}),
        RevocationKind::Jti => json!({"format": "jwt_id", "iss": issuer, "jti": subject}),
        RevocationKind::Resource => json!({"format": "uri", "uri": subject}),
        RevocationKind::AllBefore => json!({"format": "uri", "uri": issuer}),
        _ => opaque(subject),
    }
}

/// What the claims of a verified token tell. An event of a type or about a subject that this version does not know is
/// [`RevocationKind::Unrecognised`].
///
/// # Errors
/// The claim that is missing or not as it must be.
pub fn read_security_event(claims: &Map<String, Value>, issuer: &str) -> Result<Revocation, &'static str> {
    let events = claims.get("events").and_then(Value::as_object).ok_or("events")?;
    let mut events = events.iter();
    let (Some((event_type, event)), None) = (events.next(), events.next()) else { return Err("events") };
    let event = event.as_object().ok_or("events")?;
    let at = event.get("event_timestamp").or_else(|| claims.get("iat")).and_then(Value::as_i64).ok_or("events")?;
    let subject = claims.get("sub_id").ok_or("sub_id")?.as_object().ok_or("sub_id")?;
    let own = event_type.strip_prefix(issuer).and_then(|rest| rest.strip_prefix(OWN_EVENT_TYPES));
    let kind = own.and_then(|name| OWN.iter().find(|(_, own)| *own == name)).map(|(kind, _)| *kind);
    match kind {
        Some(kind) => own_event(kind, subject, issuer, at).ok_or("sub_id"),
        None if event_type == SESSION_REVOKED => Ok(session_event(subject, issuer, at)),
        None => Ok(unrecognised(at)),
    }
}

const fn unrecognised(at: UnixSeconds) -> Revocation {
    Revocation { kind: RevocationKind::Unrecognised, subject: String::new(), at }
}

fn own_event(kind: RevocationKind, subject: &Map<String, Value>, issuer: &str, at: UnixSeconds) -> Option<Revocation> {
    let subject = match kind {
        RevocationKind::AllBefore => "",
        RevocationKind::Resource => text(subject, "uri", "uri")?,
        RevocationKind::Jti => text(subject, "jwt_id", "jti").filter(|_| is_of(subject, issuer))?,
        _ => text(subject, "opaque", "id")?,
    };
    Some(Revocation { kind, subject: subject.to_owned(), at })
}

fn session_event(subject: &Map<String, Value>, issuer: &str, at: UnixSeconds) -> Revocation {
    let user = |subject| text(subject, "iss_sub", "sub").filter(|_| is_of(subject, issuer));
    let of = |kind, subject: String| Revocation { kind, subject, at };
    if let Some(user) = user(subject) {
        return of(RevocationKind::User, user.to_owned());
    }
    // No id has the slash that stands between the two.
    let plain = |id: &&str| !id.contains('/');
    let part = |name: &str| subject.get(name).and_then(Value::as_object);
    let known = subject.keys().all(|name| ["format", "user", "tenant"].contains(&name.as_str()));
    let tenant = part("tenant").and_then(|tenant| text(tenant, "opaque", "id")).filter(plain);
    match (subject.contains_key("user"), part("user").and_then(user).filter(plain), tenant) {
        (true, Some(user), Some(tenant)) if known => {
            of(RevocationKind::UserInOrganization, user_in_organization_subject(user, tenant))
        }
        (false, None, Some(tenant)) if known => of(RevocationKind::Organization, tenant.to_owned()),
        _ => unrecognised(at),
    }
}

/// A member of a subject identifier that has this format.
fn text<'a>(subject: &'a Map<String, Value>, format: &str, member: &str) -> Option<&'a str> {
    let is_format = subject.get("format").and_then(Value::as_str) == Some(format);
    subject.get(member).and_then(Value::as_str).filter(|text| is_format && !text.is_empty())
}

fn is_of(subject: &Map<String, Value>, issuer: &str) -> bool {
    subject.get("iss").and_then(Value::as_str) == Some(issuer)
}

#[cfg(test)]
mod tests {
    use super::{Revocation, RevocationKind, read_security_event, security_event_claims};
    use serde_json::{Value, json};

    const ISSUER: &str = "https://as.example/t";

    fn claims(kind: RevocationKind, subject: &str) -> Value {
        let revocation = Revocation { kind, subject: subject.into(), at: 12 };
        security_event_claims(ISSUER, "rs", "h.1.c", &revocation).expect("claims")
    }

    fn read(claims: &Value) -> Result<Revocation, &'static str> {
        read_security_event(claims.as_object().expect("an object"), ISSUER)
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        use RevocationKind::{
            AllBefore, Client, Grant, Jti, Kid, Organization, Resource, StaticToken, Unrecognised, User,
            UserInOrganization,
        };
        for (kind, subject) in [
            (Grant, "g"),
            (Jti, "j"),
            (StaticToken, "s"),
            (User, "u"),
            (UserInOrganization, "u/o"),
            (Client, "https://client.example/metadata"),
            (Organization, "o"),
            (Resource, "https://mcp.example/mcp"),
            (Kid, "k"),
            (AllBefore, ""),
        ] {
            let claims = claims(kind, subject);
            assert_eq!(read(&claims), Ok(Revocation { kind, subject: subject.into(), at: 12 }), "{claims}");
            let event_type = claims["events"].as_object().expect("events").keys().next().expect("a type");
            assert!(event_type.starts_with("https://"), "{event_type}");
        }
        let nothing = Revocation { kind: Unrecognised, subject: String::new(), at: 12 };
        assert_eq!(security_event_claims(ISSUER, "rs", "h.1.c", &nothing), None);
    }

    #[test]
    fn says_what_the_specifications_say() {
        assert_eq!(
            claims(RevocationKind::UserInOrganization, "u/o"),
            json!({
                "iss": ISSUER, "aud": "rs", "iat": 12, "jti": "h.1.c",
                "sub_id": {
                    "format": "complex",
                    "user": {"format": "iss_sub", "iss": ISSUER, "sub": "u"},
                    "tenant": {"format": "opaque", "id": "o"},
                },
                "events": {
                    "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {"event_timestamp": 12},
                },
            })
        );
        let grant = claims(RevocationKind::Grant, "g");
        assert_eq!(grant["sub_id"], json!({"format": "opaque", "id": "g"}));
        assert!(grant["events"]["https://as.example/t/secevent/event-type/grant-revoked"].is_object(), "{grant}");
    }

    #[test]
    fn what_is_not_known_is_seen_and_what_is_malformed_is_refused() {
        let with = |kind, subject: &str, name: &str, value: Value| {
            let mut claims = claims(kind, subject);
            claims[name] = value;
            read(&claims).map(|revocation| revocation.kind)
        };
        let grant = |name: &str, value| with(RevocationKind::Grant, "g", name, value);
        let user = |value| with(RevocationKind::User, "u", "sub_id", value);
        let unrecognised = Ok(RevocationKind::Unrecognised);
        assert_eq!(
            grant("events", json!({"https://as.example/t/secevent/event-type/planet-revoked": {}})),
            unrecognised
        );
        assert_eq!(
            grant("events", json!({"https://evil.example/secevent/event-type/grant-revoked": {}})),
            unrecognised
        );
        for events in [json!({}), json!([]), json!({"a": {}, "b": {}}), json!({"a": 1}), json!(null)] {
            assert_eq!(grant("events", events.clone()), Err("events"), "{events}");
        }
        for subject in
            [json!("g"), json!({"format": "uri", "id": "g"}), json!({"format": "opaque", "id": ""}), json!({})]
        {
            assert_eq!(grant("sub_id", subject.clone()), Err("sub_id"), "{subject}");
        }
        let tenant = json!({"format": "opaque", "id": "o"});
        assert_eq!(user(json!({"format": "email", "email": "a@example.com"})), unrecognised);
        assert_eq!(user(json!({"format": "iss_sub", "iss": "https://evil.example", "sub": "u"})), unrecognised);
        assert_eq!(user(json!({"format": "complex", "tenant": tenant, "device": tenant})), unrecognised, "narrower");
        assert_eq!(user(json!({"format": "complex", "tenant": tenant, "user": tenant})), unrecognised);
        assert_eq!(user(json!({"format": "complex", "tenant": tenant})), Ok(RevocationKind::Organization));
    }
}
