//! Learning who has an account (by text, by status, by headers, by work): whatever a stranger asks about an address, the answer for one that has
//! an account is the answer for one that has none. Work is counted, not timed: each password hash draws a salt.

use super::forms::{ADA, EVE, reset_path, set_up_path};
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, form},
    given::claims_of,
    sign_on::id_token,
    visitors::{Ask, PASSWORD, WEBSITE, brought},
};
use auth_server::{
    audit::Actor,
    users::{NewUser, add_user, disable_user},
};
use keys::SigningKey;
use shared::{
    protocol::token_algorithm::TokenAlgorithm,
    random::{Random, SystemRandom},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const CLOSED: &str = "closed@example.com";
const NEW: &str = "unfinished@example.com";
const NOBODY: &str = "nobody@example.com";
/// Addresses with an open account, a closed one, one without a password, and none.
const ADDRESSES: [&str; 4] = [ADA, CLOSED, NEW, NOBODY];
/// Bytes of a salt.
const SALT: usize = 16;

/// The system's randomness, and how often as much as a salt was drawn.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Random for Counted {
    fn fill(&self, destination: &mut [u8]) {
        if destination.len() == SALT {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        SystemRandom.fill(destination);
    }
}

/// What an answer tells: its status, its headers, its words; and the work it took.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    headers: Vec<(String, String)>,
    words: String,
    draws: usize,
}

struct House {
    server: TestServer,
    drawn: Arc<Counted>,
}

impl House {
    async fn new() -> Self {
        let drawn = Arc::new(Counted::default());
        let server = TestServer::start_drawing(drawn.clone()).await;
        server.add_member(ADA).await;
        server.add_member(EVE).await;
        let closed = server.add_member(CLOSED).await;
        let (app, by) = (&server.app, &Actor::CommandLine);
        disable_user(&app.store, &*app.random, by, &closed.id, app.clock.now()).await.expect("disabled");
        let new = NewUser { email: NEW, display_name: "", password: None, is_administrator: false };
        add_user(&app.store, &app.passwords, &*app.random, by, &new, app.clock.now()).await.expect("added");
        Self { server, drawn }
    }

    /// What `asking` is told about `address`.
    async fn told(&self, address: &str, asking: impl Future<Output = Answer>) -> Told {
        let before = self.drawn.0.load(Ordering::SeqCst);
        let answer = asking.await;
        let draws = self.drawn.0.load(Ordering::SeqCst) - before;
        told(&answer, address, draws)
    }
}

/// Without what differs each time: the request's id, what is sealed, and the address itself.
fn told(answer: &Answer, address: &str, draws: usize) -> Told {
    let id = answer.header("x-request-id");
    let body = if id.is_empty() { answer.body.clone() } else { answer.body.replace(id, "") };
    let mut words = String::new();
    for (number, part) in body.split(" value=\"").enumerate() {
        words.push_str(if number == 0 { part } else { part.split_once('"').map_or("", |(_, rest)| rest) });
    }
    let headers =
        answer.headers.iter().filter(|(name, _)| !["x-request-id", "content-length"].contains(&name.as_str()));
    let mut headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().expect("visible").to_owned())).collect();
    headers.sort();
    Told { status: answer.status.as_u16(), headers, words: words.replace(address, ""), draws }
}

async fn try_to_sign_in(server: &TestServer, page: &Answer, address: &str, password: &str) -> Answer {
    let filled = form(page, "sign-in-form").with("email", address).with("password", password);
    Browser::new(server).submit(&filled).await
}

#[tokio::test]
async fn a_wrong_password_costs_and_says_the_same_for_every_address() {
    let house = House::new().await;
    let client = house.server.register_client("Client").await;
    let own = house.server.get("/sign-in").await;
    let of_client = house.server.get(&Ask::of(&client).path()).await;
    for (page, password) in [(&own, "not the password"), (&own, ""), (&of_client, "not the password")] {
        let expected = house.told(ADA, try_to_sign_in(&house.server, page, ADA, password)).await;
        assert_eq!(expected.status, 403);
        for address in ADDRESSES {
            let told = house.told(address, try_to_sign_in(&house.server, page, address, password)).await;
            assert_eq!(told, expected, "{address} {password:?}");
        }
    }
    // The right password of a closed account opens nothing and says nothing.
    let expected = house.told(NOBODY, try_to_sign_in(&house.server, &own, NOBODY, PASSWORD)).await;
    assert_eq!(house.told(CLOSED, try_to_sign_in(&house.server, &own, CLOSED, PASSWORD)).await, expected);
    let shown = house.told("", house.server.get("/sign-in")).await;
    assert!(expected.draws > shown.draws, "a hash is computed: {expected:?}");
}

#[tokio::test]
async fn a_limit_is_met_at_the_same_guess_and_says_the_same() {
    let house = House::new().await;
    let page = house.server.get("/sign-in").await;
    let mut stories = Vec::new();
    for address in ADDRESSES {
        let mut story = Vec::new();
        for _ in 0..12 {
            story.push(house.told(address, try_to_sign_in(&house.server, &page, address, "not the password")).await);
        }
        stories.push(story);
    }
    for (address, story) in ADDRESSES.iter().zip(&stories) {
        assert_eq!(story, &stories[0], "{address}");
    }
    let statuses: Vec<u16> = stories[0].iter().map(|told| told.status).collect();
    assert_eq!(statuses.iter().position(|status| *status == 429), Some(10), "{statuses:?}");
}

/// Links for passwords: one that was used, one of a closed account, one that never was.
#[tokio::test]
async fn a_dead_link_does_not_say_whose_it_was() {
    let house = House::new().await;
    let server = &house.server;
    let replaced = reset_path(server, ADA).await;
    let used = reset_path(server, ADA).await;
    let page = server.get(&used).await;
    let filled = form(&page, "reset-password-form").with("password", "seven lamps along the quay");
    assert_eq!(Browser::new(server).submit(&filled).await.status, 200);
    let (head, last) = used.split_at(used.len() - 1);
    let never = format!("{head}{}", if last == "A" { "B" } else { "A" });
    let of_closed = reset_path(server, EVE).await;
    let eve = server.user_id(EVE).await;
    let app = &server.app;
    disable_user(&app.store, &*app.random, &Actor::CommandLine, &eve, app.clock.now()).await.expect("disabled");
    let expected = house.told("", server.get("/reset-password/nothing")).await;
    assert_eq!(expected.status, 410);
    let sent = |path: &str| crate::auth_server::browser::Form { action: path.to_owned(), ..filled.clone() };
    let told_by_form = house.told("", Browser::new(server).submit(&sent("/reset-password/nothing"))).await;
    for path in [&replaced, &used, &never, &of_closed] {
        assert_eq!(house.told("", server.get(path)).await, expected, "{path}");
        assert_eq!(house.told("", Browser::new(server).submit(&sent(path))).await, told_by_form, "{path}");
    }
    assert_eq!(told_by_form.draws, expected.draws, "and no hash is computed for it");
}

#[tokio::test]
async fn the_set_up_link_says_nothing_of_accounts() {
    let drawn = Arc::new(Counted::default());
    let house = House { server: TestServer::start_drawing(drawn.clone()).await, drawn };
    let server = &house.server;
    server.add_member(ADA).await;
    let live = set_up_path(server).await;
    let empty = form(&server.get(&live).await, "setup-form").with("password", PASSWORD);
    let root = empty.clone().with("email", "root@example.com");
    assert_eq!(Browser::new(server).submit(&root).await.status, 303);
    let never = crate::auth_server::browser::Form { action: "/set-up/nothing".to_owned(), ..empty.clone() };
    let expected = house.told(NOBODY, Browser::new(server).submit(&never.clone().with("email", NOBODY))).await;
    assert_eq!(expected.status, 410);
    for address in [ADA, "root@example.com", NOBODY] {
        for form in [&empty, &never] {
            let told = house.told(address, Browser::new(server).submit(&form.clone().with("email", address))).await;
            assert_eq!(told, expected, "{address} at {}", form.action);
        }
    }
    assert_eq!(house.told("", server.get(&live)).await, house.told("", server.get("/set-up/nothing")).await);
}

/// `login_hint` fills in a field; nobody is looked up.
#[tokio::test]
async fn a_login_hint_is_echoed_and_not_looked_up() {
    let house = House::new().await;
    let server = &house.server;
    let client = server.register_client("Client").await;
    for prompt in ["", "login", "select_account", "none"] {
        let ask = Ask::of(&client).with("prompt", prompt);
        let expected = house.told(NOBODY, server.get(&ask.clone().with("login_hint", NOBODY).path())).await;
        for address in ADDRESSES {
            let told = house.told(address, server.get(&ask.clone().with("login_hint", address).path())).await;
            assert_eq!(told, expected, "{address} {prompt}");
        }
        let mut eve = Browser::signed_in(server, EVE, PASSWORD).await;
        let of_nobody = ask.clone().with("login_hint", NOBODY).path();
        let expected = house.told(NOBODY, eve.get(&of_nobody)).await;
        for address in [ADA, CLOSED, NEW] {
            let told = house.told(address, eve.get(&ask.clone().with("login_hint", address).path())).await;
            assert_eq!(told, expected, "{address} {prompt} in the browser of somebody else");
        }
    }
}

/// An `id_token_hint` that a client did not get from us names nobody, whether or not that person exists; one that it got says no more than the
/// client knows.
#[tokio::test]
async fn a_hint_tells_a_client_nothing_new() {
    let house = House::new().await;
    let server = &house.server;
    let client = server.register_client("Client").await;
    let mut ada = Browser::signed_in(server, ADA, PASSWORD).await;
    let real = id_token(server, &mut ada, &client).await;
    let foreign_key = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let mut claims = claims_of(&real);
    let silent = Ask::of(&client).with("prompt", "none");
    let mut told = Vec::new();
    for subject in [server.user_id(ADA).await, server.user_id(CLOSED).await, "nobody-at-all-has-this-id".to_owned()] {
        claims["sub"] = subject.as_str().into();
        let forged = foreign_key.sign("JWT", &claims).expect("signed");
        for path in [
            silent.clone().with("id_token_hint", &forged).path(),
            Ask::of(&client).with("id_token_hint", &forged).path(),
            format!("/oauth2/end-session?id_token_hint={forged}"),
        ] {
            told.push(house.told(&forged, server.get(&path)).await);
        }
    }
    assert_eq!(told[..3], told[3..6], "a closed account");
    assert_eq!(told[..3], told[6..], "nobody");
    // A real one, shown by another client or in another browser: the answer is the one for nobody.
    let stranger = server.register_client("Stranger").await;
    let of_stranger = Ask::of(&stranger).with("prompt", "none").with("id_token_hint", &real);
    let answer = server.get(&of_stranger.path()).await;
    assert!(["login_required", "invalid_request"].contains(&brought(&answer, WEBSITE)["error"].as_str()), "{answer:?}");
    let mut eve = Browser::signed_in(server, EVE, PASSWORD).await;
    for mut browser in [Browser::new(server), eve.copy()] {
        let answer = browser.get(&silent.clone().with("id_token_hint", &real).path()).await;
        assert_eq!(brought(&answer, WEBSITE)["error"], "login_required");
    }
    let page = eve.get(&Ask::of(&client).with("id_token_hint", &real).path()).await;
    assert!(!page.body.contains(ADA), "whom it names is not shown to somebody else: {page:?}");
}

/// Registering a client, and asking for tokens, with the addresses of people in every place.
#[tokio::test]
async fn no_other_endpoint_knows_addresses() {
    let house = House::new().await;
    let server = &house.server;
    for grant in ["password", "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"] {
        let mut told = Vec::new();
        // Failures of one network are written down once an hour: after this one, none is.
        server.post_form("/oauth2/token", &[("grant_type", grant), ("client_id", "first")]).await;
        for address in ADDRESSES {
            let form = [("grant_type", grant), ("username", address), ("password", PASSWORD), ("client_id", address)];
            told.push(house.told(address, server.post_form("/oauth2/token", &form)).await);
        }
        assert!(told.iter().all(|one| one == &told[0] && one.status >= 400), "{told:?}");
    }
    let mut told = Vec::new();
    for address in ADDRESSES {
        let document = serde_json::json!({ "redirect_uris": [WEBSITE], "contacts": [address], "client_name": "same" });
        let answer = server.post_json("/oauth2/register", &document).await;
        assert_eq!(answer.status, 201);
        told.push(answer.json()["client_name"].clone());
        assert!(!answer.body.contains(address), "{answer:?}");
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
}
