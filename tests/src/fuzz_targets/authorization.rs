//! What a browser brings to the authorization endpoint, and where it goes afterwards.

use super::{
    installation::{NOW, REDIRECT_URI, RESOURCE, with_installation},
    urls::client_with,
};
use auth_server::{
    authorization::{self, AuthorizationError, PageRefusal, PendingRequest},
    identity::post_logout_address::PostLogoutAddress,
    parameters::Parameters,
};
use http::HeaderValue;
use shared::protocol::{pkce, resource_indicator::equivalent, scope::ScopeSet};
use url::Url;

/// Bytes are the query of an authorization request; `$CLIENT` stands for a registered client.
pub(super) fn authorization_request(bytes: &[u8]) {
    let Some(query) = super::text(bytes) else { return };
    with_installation(async |installation| {
        let query = installation.fill(query).await;
        let Ok(parameters) = Parameters::from_query(Some(&query)) else { return };
        let app = &installation.app;
        match authorization::check(app, &parameters, NOW).await {
            Ok(request) => {
                is_what_was_asked(&request, &parameters);
                let sealed = request.seal(&app.sealing);
                assert_eq!(PendingRequest::open(&app.sealing, NOW, &sealed), Ok(request), "it survives its form");
            }
            Err(AuthorizationError::ShowPage(refusal)) => assert_ne!(refusal, PageRefusal::Unavailable),
            Err(AuthorizationError::Redirect { address, refusal }) => {
                assert_eq!(address.redirect_uri(), REDIRECT_URI, "nobody else is told");
                let answer = address.with_refusal(&app.issuer, refusal);
                let answer = Url::parse(&answer).expect("a URL");
                let said = |name: &str| answer.query_pairs().find(|(given, _)| given == name).map(|(_, value)| value);
                assert_eq!(said("error").as_deref(), Some(refusal.code.as_str()));
                assert_eq!(said("state").as_deref(), parameters.get("state"), "verbatim");
            }
        }
    });
}

/// Second reader: of each parameter as it was sent.
fn is_what_was_asked(request: &PendingRequest, parameters: &Parameters) {
    assert_eq!(parameters.get("client_id"), Some(request.client_id.as_str()));
    assert_eq!(request.address.redirect_uri(), REDIRECT_URI);
    assert_eq!(parameters.get("response_type"), Some("code"));
    assert_eq!(parameters.get("code_challenge"), Some(request.code_challenge.as_str()));
    assert!(pkce::check_challenge(&request.code_challenge).is_ok(), "no code without a proof");
    assert_eq!(parameters.get("code_challenge_method"), Some("S256"));
    assert_eq!(parameters.get("nonce"), request.nonce.as_deref());
    assert!(parameters.get("request").is_none() && parameters.get("request_uri").is_none(), "nothing is hidden");
    let words: Vec<&str> = parameters.get("prompt").unwrap_or_default().split(' ').filter(|w| !w.is_empty()).collect();
    let prompt = request.person.prompt;
    assert_eq!((prompt.none, prompt.login), (words.contains(&"none"), words.contains(&"login")));
    assert_eq!(prompt.consent, words.contains(&"consent") || words.contains(&"select_account"));
    assert!(!prompt.none || words.iter().all(|word| *word == "none"));
    let max_age = parameters.get("max_age").map(|text| text.parse::<i64>().expect("a number"));
    assert_eq!(request.person.max_age_seconds, max_age);
    assert!(max_age.is_none_or(|seconds| seconds >= 0));
    assert_eq!(request.person.user_id, None, "no hint of this kind is ours");
    let asked: ScopeSet = parameters.get("scope").unwrap_or_default().parse().expect("a scope");
    assert!(request.asked().is_subset(&asked), "nobody gets what they did not ask for");
    // A bare origin stands for the one resource that it has.
    let names =
        |asked: &str| [request.resource.as_str(), "https://mcp.example"].iter().any(|one| equivalent(asked, one));
    assert!(parameters.all("resource").all(names), "one token, one resource");
    assert!(request.resource == RESOURCE || parameters.all("resource").next().is_none());
}

/// Lines: an address that a client registers, one that it asks for, and a state. Second reader: `url`.
pub(super) fn post_logout_address(bytes: &[u8]) {
    let Some([registered, requested, state]) = super::lines(bytes) else { return };
    let mut client = client_with("https://client.example/callback");
    client.openid.post_logout_redirect_uris = vec![registered.to_owned()];
    let Some(address) = PostLogoutAddress::of_client(&client, requested, Some(state)) else { return };
    assert_eq!((address.uri(), requested), (registered, registered), "exactly what was registered");
    assert!(HeaderValue::from_str(&address.url()).is_ok(), "{:?} is a header", address.url());
    let (Ok(there), Ok(url)) = (Url::parse(registered), Url::parse(&address.url())) else { return };
    let place = |url: &Url| (url.scheme().to_owned(), url.authority().to_owned(), url.path().to_owned());
    assert_eq!(place(&url), place(&there), "nowhere else");
    let (given, sent): (Vec<_>, Vec<_>) = (there.query_pairs().collect(), url.query_pairs().collect());
    assert_eq!(sent.split_last(), Some((&("state".into(), state.into()), given.as_slice())), "verbatim, and no more");
}
