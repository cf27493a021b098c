//! Redirect URIs, resource indicators, and what travels beside them.

use auth_server::authorization::ReturnAddress;
use auth_server::clients::Client;
use auth_server::clients::redirect_uri::{self, REDIRECT_URI_MAX_BYTES};
use auth_server::clients::registration::{self, Policy};
use auth_server::consent::destination::Destination;
use auth_server::grants::machine::{scope_in, scope_out};
use http::HeaderValue;
use serde_json::json;
use shared::protocol::error_code::ErrorCode;
use shared::protocol::resource_indicator::{ResourceIndicator, equivalent};
use shared::protocol::scope::{SCOPE_MAX_BYTES, SCOPE_MAX_COUNT, ScopeSet};
use shared::protocol::www_authenticate::{self, Challenge};
use url::{Host, Url};

const ISSUER: &str = "https://auth.example/tenant";

fn private_use() -> [String; 2] {
    ["cursor".to_owned(), "vscode".to_owned()]
}

fn is_registrable(uri: &str) -> bool {
    redirect_uri::check_registrable(uri, &private_use()).is_ok()
}

/// Lines: a registered and a requested URI. Second reader: `url`.
pub(super) fn redirect_uri(bytes: &[u8]) {
    let Some([registered, requested]) = super::lines(bytes) else { return };
    let matches = redirect_uri::matches(registered, requested);
    assert_eq!(matches, redirect_uri::matches(requested, registered), "a match has no direction");
    assert!(redirect_uri::matches(registered, registered));
    if !is_registrable(registered) {
        return;
    }
    let url = Url::parse(registered).expect("what may be registered is a URL");
    assert!(HeaderValue::from_str(registered).is_ok());
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    match url.scheme() {
        "https" => {
            let host = url.host().expect("https has a host");
            let loopback = match host {
                Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
                Host::Ipv4(address) => address.is_loopback(),
                Host::Ipv6(address) => address.is_loopback(),
            };
            assert!(redirect_uri::is_local(registered) || !loopback);
        }
        "http" => {
            assert!(matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")), "plain http is for loopback");
            assert!(redirect_uri::is_local(registered) && Destination::of(registered).is_local());
        }
        scheme => {
            assert!(private_use().iter().any(|allowed| allowed == scheme));
            assert!(redirect_uri::is_local(registered) && Destination::of(registered).is_local());
        }
    }
    assert_eq!(Destination::of(registered).is_local(), redirect_uri::is_local(registered));
    if matches {
        let asked = Url::parse(requested).expect("a match is a URL");
        assert!(is_registrable(requested) || requested.len() > REDIRECT_URI_MAX_BYTES);
        assert_eq!((url.scheme(), url.host(), url.path()), (asked.scheme(), asked.host(), asked.path()));
        assert_eq!(url.query(), asked.query());
        assert!(registered == requested || url.scheme() == "http", "only loopback has a port of its own");
    }
}

/// Lines: a registered URI, a requested one, and a state. Second reader: `url`, of the whole answer.
pub(super) fn return_address(bytes: &[u8]) {
    let Some([registered, requested, state]) = super::lines(bytes) else { return };
    if !is_registrable(registered) {
        return;
    }
    let client = client_with(registered);
    let Ok(address) = ReturnAddress::of_client(&client, Some(requested), Some(state)) else { return };
    assert!(redirect_uri::matches(registered, requested));
    let target = Url::parse(requested).expect("it matched");
    for answer in [address.with_code(ISSUER, "postern_ac_x"), address.with_code(ISSUER, "a&b=c#d")] {
        assert!(HeaderValue::from_str(&answer).is_ok(), "{answer:?} is a header");
        let url = Url::parse(&answer).expect("the answer is a URL");
        let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
        assert_eq!((place(&url), url.path()), (place(&target), target.path()), "the answer goes where it was asked to");
        assert_eq!(url.fragment(), None);
        let own: Vec<_> = url.query_pairs().into_owned().collect();
        let given: Vec<_> = target.query_pairs().into_owned().collect();
        let (before, added) = own.split_at(given.len());
        assert_eq!(before, given, "the query of the registration stays");
        let names: Vec<&str> = added.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["code", "state", "iss"]);
        assert_eq!((added[1].1.as_str(), added[2].1.as_str()), (state, ISSUER), "verbatim");
    }
}

pub(super) fn client_with(redirect_uri: &str) -> Client {
    let document = json!({ "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none" }).to_string();
    let document = registration::read(document.as_bytes()).expect("a document");
    let policy = Policy { redirect_schemes: &private_use(), open_scopes: ScopeSet::default() };
    registration::negotiate(document, &policy, 0).expect("one that may be registered")
}

/// Lines: two indicators. Second reader: `url`.
pub(super) fn resource_indicator(bytes: &[u8]) {
    let Some([left, right]) = super::lines(bytes) else { return };
    assert_eq!(equivalent(left, right), equivalent(right, left));
    let Ok(resource) = ResourceIndicator::parse(left) else {
        assert!(!equivalent(left, right));
        return;
    };
    assert!(equivalent(left, left));
    let again = ResourceIndicator::parse(resource.as_str()).expect("its own spelling is one");
    assert_eq!((again.as_str(), again.canonical()), (resource.as_str(), resource.canonical()), "printing is stable");
    let slash = ResourceIndicator::parse(resource.canonical()).expect("so is its canonical spelling");
    assert_eq!(slash.as_str(), resource.canonical());
    assert!(resource.as_str().starts_with(resource.origin()) && resource.canonical().starts_with(resource.origin()));
    assert_eq!(resource.is_bare_origin(), resource.canonical() == resource.origin());
    let (given, url) = (Url::parse(left).expect("a URL"), Url::parse(resource.as_str()).expect("a URL"));
    assert_eq!(given, url, "nothing but the spelling changed");
    assert_eq!(url.origin().ascii_serialization(), resource.origin());
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    assert!(url.scheme() == "https" || redirect_uri::is_local(left), "plain http is for loopback");
    if let Ok(other) = ResourceIndicator::parse(right) {
        assert_eq!(resource == other, equivalent(left, right));
        assert_eq!(resource == other, resource.canonical() == other.canonical());
    }
}

/// Bytes are a scope parameter. Second readers: oxide-auth's scope, and our reader of challenges.
pub(super) fn scope(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Ok(scope) = text.parse::<ScopeSet>() else { return };
    assert!(text.len() <= SCOPE_MAX_BYTES && scope.len() <= SCOPE_MAX_COUNT);
    let printed = scope.to_string();
    assert_eq!(printed.parse(), Ok(scope.clone()), "it reads back");
    let words: Vec<&str> = scope.iter().collect();
    assert!(words.is_sorted() && words.iter().all(|word| !word.is_empty() && scope.contains(word)));
    let asked: std::collections::BTreeSet<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), words, "nothing is lost or added");
    if !scope.is_empty() {
        let theirs = scope_in(&scope).expect("a scope of ours is one of theirs");
        assert_eq!(scope_out(&theirs), scope);
    }
    let header = Challenge::refused(ErrorCode::InsufficientScope, "More is needed.").scope(&scope).to_string();
    let challenges = www_authenticate::parse(&header).expect("our own challenge");
    let sent: ScopeSet = challenges[0].parameter("scope").unwrap_or_default().parse().expect("a scope");
    assert!(sent.is_subset(&scope) && scope.difference(&sent).iter().all(|word| word.contains(',')));
}
