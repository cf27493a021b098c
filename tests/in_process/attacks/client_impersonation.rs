//! Client impersonation (RFC 9700 §2.5, §4.15, RFC 8252 §8.6): an id is no proof, nobody chooses an id, a name earns no trust, and no client
//! can be taken for a person.

use crate::auth_server::{
    TestServer,
    browser::Browser,
    given::{SECRET, TOKEN, basic, claims_of, confidential_client},
    visitors::{Ask, PASSWORD, WEBSITE, consent_form},
};
use auth_server::clients::Client;
use serde_json::json;

const ADA: &str = "ada@example.com";
const MACHINE: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "mcp.read")];

#[tokio::test]
async fn knowing_an_id_proves_nothing() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    server.add_client(&Client { secret_hash: None, ..confidential_client("without-secret") }).await;
    for id in ["machine", "without-secret"] {
        let named = server.post_form(TOKEN, &[&MACHINE[..], &[("client_id", id)]].concat()).await;
        assert_eq!(named.refusal(), (401, "invalid_client".to_owned()), "{id}");
        for secret in ["", "x", "null", "undefined", &SECRET.to_uppercase(), &SECRET[1..], &format!("{SECRET} ")] {
            let answer = server.post_form_as(TOKEN, &basic(id, secret), &MACHINE).await;
            assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{id} {secret:?}");
        }
    }
    assert_eq!(server.post_form_as(TOKEN, &basic("machine", SECRET), &MACHINE).await.status, 200);
}

#[tokio::test]
async fn ids_are_compared_byte_for_byte() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    for id in ["Machine", "machine ", " machine", "machine%20", "m\u{430}chine", "machine\u{200b}", "machin%65%", "*"] {
        let answer = server.post_form_as(TOKEN, &basic(id, SECRET), &MACHINE).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{id:?}");
    }
}

#[tokio::test]
async fn nobody_chooses_who_they_are() {
    let server = TestServer::start().await;
    let first = server.register_client("First").await;
    for id in [first.as_str(), "machine", "https://evil.example/client.json", ""] {
        let document = json!({
            "client_id": id, "client_secret": "chosen-by-the-client", "client_id_issued_at": 1, "redirect_uris": [WEBSITE],
            "token_endpoint_auth_method": "client_secret_post",
        });
        let answer = server.post_json("/oauth2/register", &document).await;
        let given = answer.text("client_id");
        assert!(given.starts_with("client_") && given != first, "{given}");
        assert_ne!(answer.text("client_secret"), "chosen-by-the-client");
        assert_ne!(answer.json()["client_id_issued_at"], 1);
    }
}

#[tokio::test]
async fn a_borrowed_name_shows_where_the_answer_would_go() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.register_client("Claude Code").await;
    let evil = "https://evil.example/callback";
    let impostor = server.register_client_with("Claude Code", &[evil]).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&impostor).with("redirect_uri", evil).path()).await;
    assert!(page.body.contains("evil.example") && page.body.contains("not verified"), "{page:?}");
}

#[tokio::test]
async fn what_was_allowed_to_one_client_is_not_remembered_for_its_namesake() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let (first, namesake) = (server.register_client("Same name").await, server.register_client("Same name").await);
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let form = consent_form(&mut browser, &Ask::of(&first)).await.with("decision", "allow").with("remember", "on");
    assert_eq!(browser.submit(&form).await.status, 303);
    let page = browser.get(&Ask::of(&namesake).path()).await;
    assert!(page.status == 200 && page.body.contains("id=\"consent-form\""), "{page:?}");
}

#[tokio::test]
async fn no_client_can_be_taken_for_a_person() {
    let server = TestServer::start().await;
    let person = server.add_member(ADA).await;
    server.add_client(&confidential_client("machine")).await;
    let answer = server.post_form_as(TOKEN, &basic("machine", SECRET), &MACHINE).await;
    let claims = claims_of(&answer.text("access_token"));
    assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some("machine"), Some("machine")));
    for name in ["auth_time", "grant_id", "roles", "organization_id", "tenant_id"] {
        assert!(claims.get(name).is_none(), "{name} says that there is a person");
    }
    assert!(!person.id.starts_with("client_"), "an id of a client that registered itself is no id of a person");
    let named_alike = Client { id: person.id.clone(), ..confidential_client("x") };
    server.add_client(&named_alike).await;
    let answer = server.post_form_as(TOKEN, &basic(&person.id, SECRET), &MACHINE).await;
    assert!(claims_of(&answer.text("access_token")).get("grant_id").is_none(), "even then the token says what it is");
}
