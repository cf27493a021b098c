//! Against sign-in: learning which accounts exist by time, guessing under another spelling, forms from elsewhere, sessions handed to a victim,
//! passwords that leak, logins that starve everybody else.

use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    given::{SECRET, basic, confidential_client},
    test_server::RESOURCE,
    visitors::PASSWORD,
};
use auth_server::users::{reset_password, set_up, sign_in};
use futures_util::future::join_all;
use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const ADA: &str = "ada@example.com";

async fn server_with_ada() -> TestServer {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server
}

/// The work of a password hash is most of the time that a sign-in takes; without it an answer would come twenty times sooner, however often it is
/// tried. The shortest of several tries are compared, because a busy machine only ever makes them longer; the busier it is, the more tries.
#[tokio::test]
async fn an_unknown_account_takes_as_long_as_a_known_one() {
    const TRIES_MAX: u32 = 60;
    let server = server_with_ada().await;
    let closed = server.add_member("closed@example.com").await;
    let (app, by) = (&server.app, &auth_server::audit::Actor::CommandLine);
    auth_server::users::disable_user(&app.store, &*app.random, by, &closed.id, app.clock.now()).await.expect("closed");
    let emails = [ADA, "nobody@example.com", "closed@example.com"];
    let mut shortest = [Duration::MAX; 3];
    for tries in 1..=TRIES_MAX {
        for (email, shortest) in emails.iter().zip(&mut shortest) {
            let mut browser = Browser::new(&server);
            let page = browser.get("/sign-in").await;
            let filled = form(&page, "sign-in-form").with("email", email).with("password", "not the password");
            let began = Instant::now();
            assert_eq!(browser.submit(&filled).await.status, 403);
            *shortest = began.elapsed().min(*shortest);
        }
        let [known, unknown, closed] = shortest.map(|time| time.as_secs_f64());
        if tries >= 5 && [unknown, closed].iter().all(|other| (0.5..2.0).contains(&(other / known))) {
            return;
        }
        // No limit of guesses is to be met.
        server.clock.advance(900);
    }
    panic!("one of them tells itself by its time: {shortest:?}");
}

/// Each spelling leads to the same account, so each counts as the same guess.
#[tokio::test]
async fn another_spelling_of_the_address_buys_no_more_guesses() {
    let server = TestServer::start().await;
    server.add_member("grüße@example.com").await;
    let spellings = [
        "grüße@example.com",
        "GRÜßE@Example.COM",
        "gru\u{308}ße@example.com",
        "  grüße@example.com ",
        "ｇｒüße@example.com",
        "GRU\u{308}ße@ＥＸＡＭＰＬＥ.com",
    ]
    .map(str::to_owned);
    for spelling in &spellings {
        Browser::signed_in(&server, spelling, PASSWORD).await;
    }
    let mut compared = 0;
    for guess in 0..30 {
        let spelling = &spellings[guess % spellings.len()];
        let answer = Browser::new(&server).sign_in("/sign-in", spelling, "not the password").await;
        compared += usize::from(answer.status == 403);
    }
    assert_eq!(compared, 10, "as many as for one spelling");
}

/// Every form that does something for whoever is signed in, sent from another site, without its token, or with somebody else's.
#[tokio::test]
async fn no_form_of_an_account_is_accepted_from_elsewhere() {
    let server = server_with_ada().await;
    server.add_member("eve@example.com").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut eve = Browser::signed_in(&server, "eve@example.com", PASSWORD).await;
    let new = "seven lamps along the quay";
    for (path, id) in
        [("/", "sign-out-form"), ("/", "sign-out-everywhere-form"), ("/change-password", "change-password-form")]
    {
        let page = ada.get(path).await;
        let filled: Form = form(&page, id).with("current_password", PASSWORD).with("password", new);
        let of_eve = form(&eve.get(path).await, id).field("csrf").to_owned();
        for headers in [
            [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
            [("origin", "http://localhost:9401"), ("sec-fetch-site", "same-site")],
            [("origin", "null"), ("x-none", "")],
        ] {
            assert_eq!(ada.submit_from(&filled, &headers).await.status, 403, "{id} {headers:?}");
        }
        for forged in
            [filled.clone().without("csrf"), filled.clone().with("csrf", ""), filled.clone().with("csrf", &of_eve)]
        {
            assert_eq!(ada.submit(&forged).await.status, 403, "{id}");
        }
        assert_eq!(
            server.get(&filled.action).await.status == 405,
            id != "change-password-form",
            "{id}: GET does nothing"
        );
        assert!(ada.get("/").await.body.contains(ADA), "{id}: still signed in");
    }
    Browser::signed_in(&server, ADA, PASSWORD).await;
}

/// A session that was planted, or copied before, is worth nothing after a password was given.
#[tokio::test]
async fn a_session_does_not_outlive_the_giving_of_a_password() {
    let server = server_with_ada().await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut fixed = ada.copy();
    let page = ada.get("/change-password").await;
    let filled = form(&page, "change-password-form")
        .with("current_password", PASSWORD)
        .with("password", "seven lamps along the quay");
    assert_eq!(ada.submit(&filled).await.status, 200);
    assert!(!fixed.get("/").await.body.contains(ADA));
    assert_eq!(fixed.submit(&filled).await.header("location"), "/sign-in");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that is logged, at every level, while passwords are typed right and wrong into every form that takes one.
#[tokio::test]
async fn no_password_is_in_a_log_a_page_or_a_redirect() {
    const TYPED: [&str; 6] = [
        "walrus-one walrus-one?",
        "walrus two and a bit",
        "walrus three in a row",
        "walrus four at the door",
        "walrus5",
        "walrus six among bricks",
    ];
    let lines = Lines::default();
    let writer = lines.clone();
    // With one dispatcher alone, what another test's thread meets first would be switched off for all.
    let others = [
        tracing::Dispatch::new(tracing_subscriber::registry()),
        tracing::Dispatch::new(tracing_subscriber::registry()),
    ];
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let answers = type_everywhere(&TYPED).await;
    drop((logging, others));
    let log = String::from_utf8_lossy(&lines.0.lock().expect("not poisoned")).into_owned();
    assert!(log.contains("a page says why not"), "the log was caught: {} bytes", log.len());
    let encoded = TYPED.map(|typed| form_urlencoded::byte_serialize(typed.as_bytes()).collect::<String>());
    for (typed, encoded) in TYPED.iter().zip(&encoded) {
        for spelling in [*typed, encoded.as_str()] {
            assert!(!log.contains(spelling), "{spelling} was logged");
            for answer in &answers {
                let sent = format!("{:?} {}", answer.headers, answer.body);
                assert!(!sent.contains(spelling), "{spelling} was sent back: {answer:?}");
            }
        }
    }
}

async fn type_everywhere(typed: &[&str; 6]) -> Vec<Answer> {
    let [first, wrong, second, third, weak, unknown] = *typed;
    let server = TestServer::start().await;
    let app = &server.app;
    let mut answers = Vec::new();
    let mut browser = Browser::new(&server);
    let link = set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("read").expect("a link");
    let path = path_of(set_up::link_url(&app.issuer, &link).expose());
    for password in [weak, first] {
        let page = browser.get(&path).await;
        let filled =
            form(&page, "setup-form").with("email", ADA).with("display_name", "Ada").with("password", password);
        answers.push(browser.submit(&filled).await);
    }
    for (email, password) in [(ADA, wrong), ("nobody@example.com", unknown), (ADA, first)] {
        answers.push(Browser::new(&server).sign_in("/sign-in", email, password).await);
    }
    for (current, new) in [(wrong, second), (first, weak), (first, second)] {
        let page = browser.get("/change-password").await;
        let filled = form(&page, "change-password-form").with("current_password", current).with("password", new);
        answers.push(browser.submit(&filled).await);
    }
    let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let page = browser.get("/change-password").await;
    let filled = form(&page, "change-password-form").with("current_password", second).with("password", third);
    answers.push(browser.submit_from(&filled, &foreign).await);
    let by = auth_server::audit::Actor::CommandLine;
    let id = server.user_id(ADA).await;
    let link = reset_password::fresh_link(&app.store, &*app.random, &by, &id, app.clock.now()).await;
    let path = path_of(reset_password::link_url(&app.issuer, &link.expect("read").expect("a link")).expose());
    for password in [weak, third] {
        let page = browser.get(&path).await;
        answers.push(browser.submit(&form(&page, "reset-password-form").with("password", password)).await);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [422, 303, 403, 403, 303, 403, 422, 200, 403, 422, 200]);
    answers
}

fn path_of(url: &str) -> String {
    url.strip_prefix("http://localhost:9400").expect("our own").to_owned()
}

/// All the sign-ins that are admitted, and some more, wait for their hash while a machine asks for tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_sign_ins_does_not_keep_tokens_waiting() {
    const FLOOD: usize = 80;
    let server = server_with_ada().await;
    server.add_client(&confidential_client("machine")).await;
    let answered = AtomicUsize::new(0);
    let flood = join_all((0..FLOOD).map(|number| {
        let (server, answered) = (&server, &answered);
        async move {
            let mut browser = Browser::new(server);
            let answer = browser.sign_in("/sign-in", &format!("nobody{number}@example.com"), "whatever it is").await;
            answered.fetch_add(1, Ordering::SeqCst);
            (answer.status.as_u16(), answer.header("retry-after").to_owned())
        }
    }));
    let tokens = async {
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", "mcp.read")];
        // The flood is under way as soon as one of it was turned away.
        while answered.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            let answer = server.post_form_as("/oauth2/token", &basic("machine", SECRET), &form).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        answered.load(Ordering::SeqCst)
    };
    let (flood, answered_before) = tokio::join!(flood, tokens);
    assert!(answered_before < FLOOD, "the tokens waited for {answered_before} sign-ins");
    let busy = flood.iter().filter(|(status, _)| *status == 503).count();
    assert!((1..FLOOD).contains(&busy), "{busy} were told to come back");
    assert!(flood.iter().all(|(status, retry)| *status == 403 || *status == 503 && !retry.is_empty()), "{flood:?}");
}

/// Anybody can have sign-ins refused, from as many networks as there are; the audit log keeps so many, and one row for the rest.
#[tokio::test]
async fn refused_sign_ins_fill_no_disk() {
    let server = server_with_ada().await;
    for _ in 0..sign_in::REFUSALS_RECORDED.requests {
        server.app.limits.check("refused-sign-ins-recorded", "", sign_in::REFUSALS_RECORDED).await.expect("counted");
    }
    for number in 0..5 {
        let email = if number % 2 == 0 { ADA } else { "nobody@example.com" };
        assert_eq!(Browser::new(&server).sign_in("/sign-in", email, "not the password").await.status, 403);
    }
    assert_eq!(server.audited("sign_in_refused").await, 0);
    assert_eq!(server.audited("sign_ins_refused_by_the_thousand").await, 1);
    server.clock.advance(3600);
    assert_eq!(Browser::new(&server).sign_in("/sign-in", ADA, "not the password").await.status, 403);
    assert_eq!(server.audited("sign_in_refused").await, 1);
}
