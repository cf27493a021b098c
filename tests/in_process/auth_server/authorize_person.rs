//! What a request may say of the person (OpenID Connect Core §3.1.2.1): how much to ask, how fresh the sign-in must be, who is meant.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    given::claims_of,
    sign_on::{allow, allow_form, redeem},
    test_server::START,
    visitors::{Ask, PASSWORD, WEBSITE, brought, consent_form},
};
use auth_server::{
    audit::Actor,
    authorization::{self, PendingRequest, decide, next_step},
    clients::{Client, remove_client::remove_client},
    store,
};
use serde_json::json;
use shared::db::StoreError;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

async fn server() -> (TestServer, String) {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(BOB).await;
    let client = server.register_client("Client").await;
    (server, client)
}

fn ask(client: &str) -> Ask {
    Ask::of(client).with("scope", "openid mcp.read")
}

fn is_sign_in(page: &Answer) -> bool {
    page.status == 200 && page.body.contains("id=\"sign-in-form\"")
}

fn is_consent(page: &Answer) -> bool {
    page.status == 200 && page.body.contains("id=\"consent-form\"")
}

/// Allows without being asked again from now on.
async fn remember(browser: &mut Browser<'_>, ask: &Ask) -> String {
    let form = consent_form(browser, ask).await.with("remember", "on");
    allow_form(browser, form).await
}

/// Signs in at the page that `answer` shows, and goes on.
async fn sign_in_at(browser: &mut Browser<'_>, page: &Answer, email: &str) -> Answer {
    let answer = browser.submit(&form(page, "sign-in-form").with("email", email).with("password", PASSWORD)).await;
    browser.follow(&answer).await
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_is_made_anew() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    server.clock.advance(100);
    for (max_age, enough) in [("100", true), ("99", false), ("0", false), ("999999999999", true)] {
        let page = browser.get(&ask(&client).with("max_age", max_age).path()).await;
        assert_eq!((is_consent(&page), is_sign_in(&page)), (enough, !enough), "{max_age}");
        let silent = browser.get(&ask(&client).with("max_age", max_age).with("prompt", "none").path()).await;
        let expected = if enough { "consent_required" } else { "login_required" };
        assert_eq!(brought(&silent, WEBSITE)["error"], expected, "{max_age}");
    }
    for wrong in ["-1", "1.5", "soon", "1e3", "9999999999999", "+1"] {
        let answer = browser.get(&ask(&client).with("max_age", wrong).path()).await;
        assert_eq!(brought(&answer, WEBSITE)["error"], "invalid_request", "{wrong}");
    }
    // In the very second of the sign-in `max_age=0` still means a fresh one.
    let mut quick = Browser::signed_in(&server, BOB, PASSWORD).await;
    assert!(is_sign_in(&quick.get(&ask(&client).with("max_age", "0").path()).await));
}

#[tokio::test]
async fn a_client_may_register_how_old_a_sign_in_may_be() {
    let (server, _) = server().await;
    let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none", "default_max_age": 60 });
    let registered = server.post_json("/oauth2/register", &document).await.json();
    assert_eq!(registered["default_max_age"], 60);
    let client = registered["client_id"].as_str().expect("an id");
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    assert!(is_consent(&browser.get(&ask(client).path()).await));
    server.clock.advance(61);
    assert!(is_sign_in(&browser.get(&ask(client).path()).await));
    assert!(is_consent(&browser.get(&ask(client).with("max_age", "3600").path()).await), "the request says otherwise");
}

#[tokio::test]
async fn the_fresh_sign_in_is_the_one_the_token_tells() {
    let (server, client) = server().await;
    for (name, value, now) in
        [("prompt", "login", START + 500), ("max_age", "0", START + 1000), ("max_age", "10", START + 1500)]
    {
        let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
        server.clock.advance(500);
        let page = browser.get(&ask(&client).with(name, value).path()).await;
        assert!(is_sign_in(&page), "{name}={value}");
        assert_eq!(form(&page, "sign-in-form").field("email"), ADA, "whose password is wanted");
        let page = sign_in_at(&mut browser, &page, ADA).await;
        let code = allow_form(&mut browser, form(&page, "consent-form")).await;
        let token = redeem(&server, &client, &code).await.text("id_token");
        assert_eq!(claims_of(&token)["auth_time"], now, "{name}={value}");
    }
}

/// Neither a request that is sent again, nor one from another tab, nor a remembered consent gets around the password.
#[tokio::test]
async fn a_fresh_sign_in_cannot_be_skipped() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    remember(&mut browser, &ask(&client)).await;
    let login = ask(&client).with("prompt", "login");
    let page = browser.get(&login.path()).await;
    assert!(is_sign_in(&page), "although consent is remembered");
    let sealed = form(&page, "sign-in-form").field("form").to_owned();
    // The sealed state of the sign-in form is no request, and opening it as one does nothing.
    assert_eq!(browser.get(&format!("/oauth2/consent?request={sealed}")).await.status, 400);
    assert!(
        brought(&browser.get(&ask(&client).path()).await, WEBSITE).contains_key("code"),
        "without the wish nobody is asked"
    );
}

#[tokio::test]
async fn a_request_for_which_somebody_signed_in_is_good_in_that_session_alone() {
    let (server, client) = server().await;
    let mut browser = Browser::new(&server);
    let login = ask(&client).with("prompt", "login");
    let answer = browser.sign_in(&login.path(), ADA, PASSWORD).await;
    let location = answer.header("location").to_owned();
    assert!(is_consent(&browser.follow(&answer).await));
    assert!(is_consent(&browser.get(&location).await), "loaded again");
    let mut other = Browser::signed_in(&server, ADA, PASSWORD).await;
    assert!(is_sign_in(&other.get(&location).await), "the same person elsewhere");
    let mut nobody = Browser::new(&server);
    assert!(is_sign_in(&nobody.get(&location).await));
    let page = browser.get(&location).await;
    allow_form(&mut browser, form(&page, "consent-form")).await;
    let again = browser.get(&location).await;
    let late = browser.submit(&form(&again, "consent-form").with("decision", "allow")).await;
    assert_eq!(late.status, 409, "decided once");
    assert!(is_sign_in(&browser.get(&login.path()).await), "the next request asks anew");
}

#[tokio::test]
async fn a_login_hint_fills_in_the_address_and_nothing_else() {
    let (server, client) = server().await;
    let mut nobody = Browser::new(&server);
    let field = |page: &Answer| form(page, "sign-in-form").field("email").to_owned();
    for (hint, filled) in [
        (BOB, BOB),
        (" bob@example.com ", BOB),
        ("bob", ""),
        ("\"><script>@x", ""),
        ("stranger@x.example", "stranger@x.example"),
    ] {
        let page = nobody.get(&ask(&client).with("login_hint", hint).path()).await;
        assert_eq!(field(&page), filled, "{hint}");
        assert!(!page.body.contains("<script"));
    }
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    assert!(is_consent(&ada.get(&ask(&client).with("login_hint", BOB).path()).await), "a hint signs nobody out");
}

#[tokio::test]
async fn an_id_token_hint_names_who_may_answer() {
    let (server, client) = server().await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let code = remember(&mut ada, &ask(&client)).await;
    let of_ada = redeem(&server, &client, &code).await.text("id_token");
    let mut bob = Browser::signed_in(&server, BOB, PASSWORD).await;
    remember(&mut bob, &ask(&client)).await;
    let hinted = ask(&client).with("id_token_hint", &of_ada);
    let silent = hinted.clone().with("prompt", "none");

    server.clock.advance(7200);
    assert!(brought(&ada.get(&silent.path()).await, WEBSITE).contains_key("code"), "an expired one still names her");
    assert_eq!(brought(&bob.get(&silent.path()).await, WEBSITE)["error"], "login_required");
    assert_eq!(brought(&server.get(&silent.path()).await, WEBSITE)["error"], "login_required");

    let page = bob.get(&hinted.path()).await;
    assert!(is_sign_in(&page), "somebody else may sign in");
    assert_eq!(form(&page, "sign-in-form").field("email"), "", "who is meant is not told");
    let page = sign_in_at(&mut bob.copy(), &page, ADA).await;
    assert_eq!(page.status, 303, "Ada allowed it before: {page:?}");
    assert!(brought(&page, WEBSITE).contains_key("code"));

    let page = bob.get(&hinted.path()).await;
    let mut stubborn = bob.copy();
    let wrong = sign_in_at(&mut stubborn, &page, BOB).await;
    assert_eq!(brought(&wrong, WEBSITE)["error"], "login_required", "no answer for another than was meant");
}

#[tokio::test]
async fn what_is_only_a_wish_is_ignored_kindly() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for (name, value) in [
        ("display", "touch"),
        ("ui_locales", "fr-CA fr en"),
        ("claims_locales", "de"),
        ("acr_values", "urn:mace:incommon:iap:silver"),
        ("claims", "{\"id_token\":{\"email\":{\"essential\":true}}}"),
        ("made_up", "x"),
    ] {
        assert!(is_consent(&browser.get(&ask(&client).with(name, value).path()).await), "{name}");
    }
}

#[tokio::test]
async fn a_nonce_stays_with_its_request() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let one = consent_form(&mut browser, &ask(&client).with("nonce", "one")).await;
    let two = consent_form(&mut browser, &ask(&client).with("nonce", "two")).await;
    // Whatever a form says beside its sealed request changes nothing.
    let code_two = allow_form(&mut browser, two.with("nonce", "one")).await;
    let code_one = allow_form(&mut browser, one).await;
    for (code, nonce) in [(code_one, "one"), (code_two, "two")] {
        let answer = redeem(&server, &client, &code).await;
        assert_eq!(claims_of(&answer.text("id_token"))["nonce"], nonce);
    }
    let code = allow(&mut browser, &ask(&client)).await;
    let without = redeem(&server, &client, &code).await;
    assert!(claims_of(&without.text("id_token"))["nonce"].is_null());
}

/// The consent goes between the look at it and the decision: nothing is granted in silence.
#[tokio::test]
async fn a_consent_that_is_revoked_meanwhile_is_not_used() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    remember(&mut browser, &ask(&client)).await;
    server.follow().await;
    let app = &server.app;
    let query = ask(&client).path();
    let (_, query) = query.split_once('?').expect("a query");
    let parameters = auth_server::parameters::Parameters::from_query(Some(query)).expect("parameters");
    let request = authorization::check(app, &parameters, START).await.expect("a good request");
    let cookie = &browser.cookies["postern-9400"];
    let session = auth_server::users::session::find(&app.store, app.session_lifetimes, cookie, START)
        .await
        .expect("read")
        .expect("signed in");
    let question = next_step::question(app, &request, &session).await.expect("a question");
    let user = session.user.id.as_str();
    let forgotten = |mut tx| async move { auth_server::store::remembered_consent::forget_of_user(&mut tx, user).await };
    app.store.write::<_, StoreError, _, _>(forgotten).await.expect("forgotten");

    let offer = question.only_offer().expect("one");
    let decided = decide::Allowed {
        request: &request,
        session: &session,
        question: &question,
        offer,
        scope: &offer.scopes,
        remember: false,
    };
    let grants = server.grants().await;
    let answer = decide::allow_again(app, &decided, START).await.expect("an answer");
    assert_eq!((answer, server.grants().await), (None, grants));
    assert!(decide::allow(app, &decided, START).await.is_ok(), "the request itself was not used up");
}

/// The client goes, or client or resource become something else, between the look at them and the decision: nothing is granted.
#[tokio::test]
async fn what_was_judged_is_looked_at_again_by_the_decision() {
    let (server, client) = server().await;
    let browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let app = &server.app;
    let cookie = &browser.cookies["postern-9400"];
    let session = auth_server::users::session::find(&app.store, app.session_lifetimes, cookie, START).await;
    let session = session.expect("read").expect("signed in");
    let decide = async |judged: (&PendingRequest, &next_step::Question)| {
        let (request, question) = judged;
        let offer = question.only_offer().expect("one");
        let scope = &offer.scopes;
        let allowed = decide::Allowed { request, session: &session, question, offer, scope, remember: false };
        decide::allow(app, &allowed, START).await
    };
    let judge = async |client: &str| {
        let path = ask(client).path();
        let (_, query) = path.split_once('?').expect("a query");
        let parameters = auth_server::parameters::Parameters::from_query(Some(query)).expect("parameters");
        let request = authorization::check(app, &parameters, START).await.expect("a good request");
        let question = next_step::question(app, &request, &session).await.expect("a question");
        (request, question)
    };
    let (request, question) = judge(&client).await;
    assert!(decide((&request, &question)).await.is_ok(), "unchanged");
    let grants = server.grants().await;

    let (request, question) = judge(&client).await;
    server.change_tools().await;
    assert!(decide((&request, &question)).await.is_err(), "other tools than were shown");

    let (request, question) = judge(&client).await;
    let changed = &Client { name: "Another".to_owned(), ..(*question.client).clone() };
    let rename = |mut tx| async move { store::client::change(&mut tx, changed).await };
    assert!(app.store.write::<_, StoreError, _, _>(rename).await.expect("changed"));
    assert!(decide((&request, &question)).await.is_err(), "another client than was shown");
    app.clients.forget(&client);

    let (request, question) = judge(&client).await;
    let (id, by) = (client.as_str(), &Actor::CommandLine);
    assert!(remove_client(&app.store, &*app.random, by, id, START).await.expect("removed"));
    assert!(decide((&request, &question)).await.is_err(), "a client that is no more");
    assert_eq!(server.grants().await, grants);
}
