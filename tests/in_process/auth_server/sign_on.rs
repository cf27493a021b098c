//! How a client signs somebody on: through the pages to a code, and on to tokens.

use super::{
    Answer, TestServer,
    browser::{Browser, Form},
    given::TOKEN,
    visitors::{Ask, VERIFIER, WEBSITE, brought, consent_form},
};

/// Allows all that is asked, in a signed-in browser; the code.
pub async fn allow(browser: &mut Browser<'_>, ask: &Ask) -> String {
    let form = consent_form(browser, ask).await;
    allow_form(browser, form).await
}

/// Allows what is ticked in this form; the code.
pub async fn allow_form(browser: &mut Browser<'_>, form: Form) -> String {
    let answer = browser.submit(&form.with("decision", "allow")).await;
    brought(&answer, WEBSITE).remove("code").unwrap_or_else(|| panic!("{answer:?}"))
}

/// The token request of a public client for a code that went to its site.
pub async fn redeem(server: &TestServer, client: &str, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", WEBSITE),
    ];
    let answer = server.post_form(TOKEN, &form).await;
    server.follow().await;
    answer
}

/// An ID token of whoever is signed in, for this client.
pub async fn id_token(server: &TestServer, browser: &mut Browser<'_>, client: &str) -> String {
    let code = allow(browser, &Ask::of(client).with("scope", "openid")).await;
    redeem(server, client, &code).await.text("id_token")
}
