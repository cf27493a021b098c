//! Redirect manipulation (RFC 9700 §4.1): whatever a requested URI does with user information, fragment, encoding, case, port, path, query,
//! scheme or look-alike hosts, it is the registered string or it is nothing. Loopback has a port of its own and no other freedom.

use crate::auth_server::{
    TestServer,
    given::{Given, TOKEN, VERIFIER, public_client},
    visitors::{APP, Ask, LOOPBACK, WEBSITE},
};
use auth_server::clients::{Client, redirect_uri};
use serde_json::json;

/// What is tried, beside `https://client.example/callback`, `http://127.0.0.1/callback` and an app's address.
const TRICKS: [&str; 66] = [
    // user information
    "https://client.example@evil.example/callback",
    "https://client.example:443@evil.example/callback",
    "https://user@client.example/callback",
    "https://client.example%40evil.example/callback",
    "http://127.0.0.1:80@evil.example/callback",
    "http://127.0.0.1@evil.example/callback",
    // fragment
    "https://client.example/callback#",
    "https://client.example/callback#@evil.example",
    "https://evil.example#https://client.example/callback",
    "http://127.0.0.1:5000/callback#x",
    // encoding
    "https://client.example/%63allback",
    "https://client%2eexample/callback",
    "https://client.example%2f.evil.example/callback",
    "https://client.example/callback%20",
    "https://client.example/callback%0d%0aLocation:%20https://evil.example",
    "https://client.example/callback%2f..%2fevil",
    "https://client.example/call\tback",
    "https://client.example/callback\r\n",
    " https://client.example/callback",
    "https://client.example/callback ",
    "https://client.example/callb\u{e4}ck",
    // case
    "HTTPS://client.example/callback",
    "https://CLIENT.example/callback",
    "https://client.example/Callback",
    "HTTP://127.0.0.1:5000/callback",
    "CURSOR://anysphere.cursor-mcp/oauth/callback",
    // port
    "https://client.example:443/callback",
    "https://client.example:8443/callback",
    "https://client.example:/callback",
    "http://127.0.0.1:0/callback",
    "http://127.0.0.1:65536/callback",
    "http://127.0.0.1:+80/callback",
    "http://127.0.0.1:/callback",
    "http://127.0.0.1:80evil.example/callback",
    "cursor://anysphere.cursor-mcp:1/oauth/callback",
    // path
    "https://client.example/callback/",
    "https://client.example//callback",
    "https://client.example/./callback",
    "https://client.example/callback/../callback",
    "https://client.example/callback/%2e%2e/evil",
    "https://client.example/callback;x",
    "https://client.example",
    "https://client.example/callback\\..\\evil",
    "http://127.0.0.1:5000/callback/",
    "http://127.0.0.1:5000/other",
    // query
    "https://client.example/callback?",
    "https://client.example/callback?next=https://evil.example",
    "http://127.0.0.1:5000/callback?x",
    // scheme
    "http://client.example/callback",
    "//client.example/callback",
    "client.example/callback",
    "https:/client.example/callback",
    "https:\\\\client.example\\callback",
    "https://127.0.0.1/callback",
    "javascript:alert(1)//https://client.example/callback",
    "data:text/html,https://client.example/callback",
    "vscode://anysphere.cursor-mcp/oauth/callback",
    // other hosts
    "https://client.example.evil.example/callback",
    "https://evil-client.example/callback",
    "https://client.example./callback",
    "https://client\u{3002}example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.1:5000/callback",
    "http://2130706433:5000/callback",
    "http://localhost:5000/callback",
    "http://[::1]:5000/callback",
];

#[tokio::test]
async fn no_trick_sends_a_person_anywhere() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for trick in TRICKS {
        let ask = Ask::of(&client).with("redirect_uri", trick).path();
        for path in [ask.clone(), ask.replace("/oauth2/authorize", "/authorize")] {
            let answer = server.get(&path).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{trick:?}");
            assert!(!answer.body.contains("evil.example"), "{trick:?} stands on the page");
        }
    }
    assert_eq!(server.get(&Ask::of(&client).path()).await.status, 200, "the registered one is fine");
}

#[tokio::test]
async fn no_trick_redeems_a_code() {
    let server = TestServer::with_app().await;
    let usual = public_client("site");
    server.add_client(&Client { redirect_uris: vec![WEBSITE.to_owned()], ..usual }).await;
    for trick in TRICKS {
        let code = server.give(&Given { client: "site", redirect_uri: WEBSITE, ..Given::USUAL }).await;
        let form = |redirect_uri| {
            let code = code.as_str();
            [
                ("grant_type", "authorization_code"),
                ("client_id", "site"),
                ("code", code),
                ("code_verifier", VERIFIER),
                ("redirect_uri", redirect_uri),
            ]
        };
        let answer = server.post_form(TOKEN, &form(trick)).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{trick:?}");
        assert_eq!(server.post_form(TOKEN, &form(WEBSITE)).await.status, 400, "{trick:?}: and the code is spent");
    }
}

#[test]
fn matching_is_the_same_string_or_loopback_with_another_port() {
    for registered in [WEBSITE, LOOPBACK, APP] {
        assert!(TRICKS.iter().all(|trick| !redirect_uri::matches(registered, trick)), "{registered}");
        assert!(redirect_uri::matches(registered, registered));
    }
    assert!(redirect_uri::matches(LOOPBACK, "http://127.0.0.1:5000/callback"));
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_cannot_be_registered() {
    let server = TestServer::start().await;
    for uri in [
        "https://client.example/callback#x",
        "https://user:password@client.example/callback",
        "https://*.client.example/callback",
        "https://client.example/a/../callback",
        "https://client.example/a/%2E%2e/callback",
        "https://client.example/a%2f..%2fcallback",
        "https://client.example\\@evil.example/callback",
        "https://client.example/call back",
        "https://client.example/call\tback",
        "https://client.\u{e9}xample/callback",
        "https:client.example/callback",
        "https:///client.example/callback",
        "//client.example/callback",
        "/callback",
        "http://client.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://localhost.evil.example/callback",
        "http://127.0.0.1@evil.example/callback",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "intent://x#Intent;end",
        "blob:https://client.example/x",
        "unlisted://callback",
    ] {
        let document = json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" });
        let answer = server.post_json("/oauth2/register", &document).await;
        assert_eq!(answer.refusal(), (400, "invalid_redirect_uri".to_owned()), "{uri:?}");
        let beside = json!({ "redirect_uris": [uri, WEBSITE], "token_endpoint_auth_method": "none" });
        let answer = server.post_json("/oauth2/register", &beside).await;
        assert_eq!(answer.json()["redirect_uris"], json!([WEBSITE]), "{uri:?} is dropped, the other one kept");
    }
}
