//! `GET /oauth2/authorize`: what is refused where, and that looking changes nothing.

use super::{
    TestServer,
    browser::{Browser, form},
    visitors::{APP, Ask, LOOPBACK, PASSWORD, WEBSITE, brought},
};

#[tokio::test]
async fn a_request_shows_sign_in_and_changes_nothing() {
    let server = TestServer::start().await;
    let client = server.register_client("Claude Code").await;
    let before = server.rows().await;
    for _ in 0..3 {
        let answer = server.get(&Ask::of(&client).path()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("id=\"sign-in-form\"") && answer.body.contains("Claude Code"), "{answer:?}");
        assert_eq!(answer.header("set-cookie"), "", "no cookie before somebody signs in");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    server.add_member("ada@example.com").await;
    let mut browser = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    let signed_in = server.rows().await;
    let page = browser.get(&Ask::of(&client).path()).await;
    assert!(page.body.contains("id=\"consent-form\""), "{page:?}");
    assert_eq!(server.rows().await, signed_in);
    assert!(signed_in > before);
}

#[tokio::test]
async fn clients_find_it_at_the_root_too() {
    let server = TestServer::start().await;
    let client = server.register_client("Old client").await;
    let alias = Ask::of(&client).path().replace("/oauth2/authorize", "/authorize");
    assert!(server.get(&alias).await.body.contains("action=\"/sign-in\""));
}

#[tokio::test]
async fn until_the_way_back_is_known_there_is_only_a_page() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    let good = || Ask::of(&client);
    let cases = [
        ("unknown client", Ask::of("nobody")),
        ("no client", good().with("client_id", "")),
        ("no redirect URI among several", good().with("redirect_uri", "")),
        ("other host", good().with("redirect_uri", "https://evil.example/callback")),
        ("suffix", good().with("redirect_uri", "https://client.example/callback/../x")),
        ("longer path", good().with("redirect_uri", "https://client.example/callback/x")),
        ("query", good().with("redirect_uri", "https://client.example/callback?next=https://evil.example")),
        ("fragment", good().with("redirect_uri", "https://client.example/callback#x")),
        ("user information", good().with("redirect_uri", "https://client.example@evil.example/callback")),
        ("look-alike host", good().with("redirect_uri", "https://client.example.evil.example/callback")),
        ("backslash", good().with("redirect_uri", "https://evil.example\\@client.example/callback")),
        ("case", good().with("redirect_uri", "https://client.example/Callback")),
        ("port of a website", good().with("redirect_uri", "https://client.example:8443/callback")),
        ("scheme", good().with("redirect_uri", "http://client.example/callback")),
        ("relative", good().with("redirect_uri", "//client.example/callback")),
        ("script", good().with("redirect_uri", "javascript:alert(1)")),
        (
            "line break",
            good().with("redirect_uri", "https://client.example/callback\r\nLocation: https://evil.example"),
        ),
        ("loopback with a user", good().with("redirect_uri", "http://127.0.0.1:80@evil.example/callback")),
        ("other loopback path", good().with("redirect_uri", "http://127.0.0.1:4000/other")),
        ("other app", good().with("redirect_uri", "cursor://evil/oauth/callback")),
        ("endless state", good().with("state", &"x".repeat(5000))),
    ];
    for (what, ask) in cases {
        let answer = server.get(&ask.path()).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(answer.header("location"), "", "{what}");
        assert!(answer.header("content-type").starts_with("text/html"), "{what}");
        assert!(!answer.body.contains("evil.example"), "{what}: nothing of the request stands on the page");
        assert!(answer.body.contains(answer.header("x-request-id")), "{what}: the id that the logs know");
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for extra in
        ["redirect_uri=https://evil.example/callback", "client_id=other", "scope=mcp.admin", "state=2", "state="]
    {
        let answer = server.get(&format!("{}&{extra}", Ask::of(&client).path())).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{extra}");
    }
}

#[tokio::test]
async fn later_refusals_go_to_the_client() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    let other = "https://other.example/mcp";
    for (name, value, code) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("response_mode", "form_post", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge", &format!("{}=", "A".repeat(42)), "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "s256", "invalid_request"),
        ("resource", "", "invalid_target"),
        ("resource", other, "invalid_target"),
        ("resource", "mcp", "invalid_target"),
        ("resource", "http://localhost:9400/api", "invalid_target"),
        ("scope", "mcp.read \"", "invalid_scope"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "whatever", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("request_uri", "https://client.example/r", "request_uri_not_supported"),
        ("registration", "{}", "registration_not_supported"),
        ("nonce", &"n".repeat(600), "invalid_request"),
    ] {
        let answer = server.get(&Ask::of(&client).with(name, value).path()).await;
        let brought = brought(&answer, WEBSITE);
        assert_eq!(brought["error"], code, "{name}={value}: {answer:?}");
        assert_eq!(brought["state"], "st-1");
        assert_eq!(brought["iss"], "http://localhost:9400");
        assert!(!brought["error_description"].is_empty() && !brought.contains_key("code"));
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    let twice = format!("{}&resource={other}", Ask::of(&client).path());
    assert_eq!(brought(&server.get(&twice).await, WEBSITE)["error"], "invalid_target");
}

#[tokio::test]
async fn state_comes_back_verbatim_and_injects_nothing() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for state in [
        "a b+c&d=e#f?g%20%",
        "x\r\nSet-Cookie: evil=1",
        "ünïcødé 🐴",
        "\"><script>alert(1)</script>",
        "&error=none&code=stolen",
    ] {
        let answer = server.get(&Ask::of(&client).with("state", state).with("response_type", "token").path()).await;
        let brought = brought(&answer, WEBSITE);
        assert_eq!(brought["state"], state);
        assert_eq!(brought["error"], "unsupported_response_type");
        assert!(!brought.contains_key("code"));
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 0);
    }
    let without = server.get(&Ask::of(&client).with("state", "").with("response_type", "token").path()).await;
    assert!(!brought(&without, WEBSITE).contains_key("state"));
}

#[tokio::test]
async fn loopback_takes_any_port_and_apps_their_own_address() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    let loopback = LOOPBACK.replace("127.0.0.1", "127.0.0.1:53117");
    for redirect_uri in [loopback.as_str(), APP] {
        let ask = Ask::of(&client).with("redirect_uri", redirect_uri);
        assert_eq!(server.get(&ask.path()).await.status, 200);
        let refused = server.get(&ask.with("response_type", "token").path()).await;
        assert_eq!(brought(&refused, redirect_uri)["error"], "unsupported_response_type");
    }
}

#[tokio::test]
async fn what_clients_really_send_is_understood() {
    let server = TestServer::start().await;
    server.add_member("ada@example.com").await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    for (name, value, offered) in [
        ("scope", "", "mcp.read"),
        ("scope", "openid email profile", "mcp.read"),
        ("scope", "mcp.write offline_access", "mcp.write"),
        ("resource", "http://LOCALHOST:9500/mcp/", "mcp.write"),
        ("resource", "http://localhost:9500/", "mcp.write"),
        ("prompt", "consent", "mcp.write"),
        ("prompt", "select_account", "mcp.write"),
        ("response_mode", "query", "mcp.write"),
        ("login_hint", "ada", "mcp.write"),
    ] {
        let page = browser.get(&Ask::of(&client).with(name, value).path()).await;
        assert_eq!(page.status, 200, "{name}={value}: {page:?}");
        assert!(page.body.contains(&format!("name=\"scope:{offered}\"")), "{name}={value}");
        assert_eq!(page.body.contains("scope:openid"), value.contains("openid"));
        assert!(!page.body.contains("scope:offline_access"));
    }
    let only = server.register_client_with("One way back", &[WEBSITE]).await;
    assert_eq!(browser.get(&Ask::of(&only).with("redirect_uri", "").path()).await.status, 200);
}

#[tokio::test]
async fn whatever_is_sent_along_urls_stay_below_8_kib() {
    const MOST: usize = 8 * 1024;
    let server = TestServer::start().await;
    server.add_member("ada@example.com").await;
    let redirect_uri = format!("https://client.example/{}", "p".repeat(1000));
    let client = server.register_client_with("Client", &[&redirect_uri]).await;
    let ask = Ask::of(&client).with("redirect_uri", &redirect_uri);
    for state in ["s".repeat(3072), "\"".repeat(1024)] {
        let mut browser = Browser::new(&server);
        let ask = ask.clone().with("state", &state);
        let answer = browser.sign_in(&ask.path(), "ada@example.com", PASSWORD).await;
        assert!(answer.header("location").len() < MOST, "{}", answer.header("location").len());
        let page = browser.follow(&answer).await;
        let answer = browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
        assert!(answer.header("location").len() < MOST, "{}", answer.header("location").len());
        assert_eq!(brought(&answer, &redirect_uri)["state"], state);
    }
    for state in ["s".repeat(3073), "\"".repeat(1025)] {
        let answer = server.get(&ask.clone().with("state", &state).path()).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""));
        assert!(answer.body.contains("This request is too long"));
    }
    let all = ask.with("state", &"s".repeat(3072)).with("nonce", &"\u{1}".repeat(512));
    let refused = server.get(&all.path()).await;
    assert!(refused.header("location").len() < MOST);
    let refused = brought(&refused, &redirect_uri);
    assert_eq!(refused["error"], "invalid_request");
    assert_eq!(refused["error_description"], "The request is too long.");
}
