//! A password that is replaced while a sign-in with the old one is under way: comparing takes long, and whoever knows the old one can sign in all the
//! time, so that one sign-in is always under way.

use crate::auth_server::{TestServer, visitors::PASSWORD};
use auth_server::{
    app::App,
    audit::Actor,
    users::{
        disable_user, enable_user, reset_password, session,
        sign_in::{Attempt, SignInError, SignedIn, sign_in},
    },
};
use shared::{
    http::AddressBlock,
    random::{Random, SystemRandom},
    secret::Secret,
};
use std::sync::{Arc, Mutex};
use tokio::{runtime::Handle, task::block_in_place};

const ADA: &str = "ada@example.com";
const NEW: &str = "seven lamps along the quay";

type Act = Box<dyn FnOnce() + Send>;

/// Randomness that lets something happen before it is drawn: a sign-in draws it between comparing the password and beginning the session.
struct Meanwhile(Mutex<Option<Act>>);

impl Random for Meanwhile {
    fn fill(&self, destination: &mut [u8]) {
        let act = self.0.lock().expect("not poisoned").take();
        if let Some(act) = act {
            block_in_place(act);
        }
        SystemRandom.fill(destination);
    }
}

async fn sign_in_while(app: &Arc<App>, password: &str, act: Act) -> Result<SignedIn, SignInError> {
    let random = Meanwhile(Mutex::new(Some(act)));
    let password = Secret::new(password);
    let attempt = Attempt {
        email: ADA,
        password: &password,
        replaced: None,
        known: None,
        block: AddressBlock::of([203, 0, 113, 9].into()),
    };
    let (store, now) = (&app.store, app.clock.now());
    sign_in(store, &app.passwords, &app.limits, app.session_lifetimes, &random, &attempt, now).await
}

async fn choose_another_password(app: &App, user_id: &str) {
    let (store, now) = (&app.store, app.clock.now());
    let link = reset_password::fresh_link(store, &SystemRandom, &Actor::CommandLine, user_id, now).await;
    let link = link.expect("an answer").expect("a link");
    let new = Secret::new(NEW);
    reset_password::reset_password(store, &app.passwords, &SystemRandom, link.expose(), &new, now).await.expect("set");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_password_begins_no_session_behind_its_end() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await.id;
    let app = Arc::clone(&server.app);
    let change: Act = Box::new(move || Handle::current().block_on(choose_another_password(&app, &ada)));
    let signed_in = sign_in_while(&server.app, PASSWORD, change).await;
    assert!(
        matches!(signed_in, Err(SignInError::Refused)),
        "a session with a password that was replaced before it began"
    );
    assert_eq!((server.audited("signed_in").await, server.audited("sign_in_refused").await), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_new_password_typed_too_early_is_compared_again() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await.id;
    let app = Arc::clone(&server.app);
    // The same password, set anew: another hash.
    let change: Act = Box::new(move || {
        Handle::current().block_on(async {
            choose_another_password(&app, &ada).await;
            let (store, now) = (&app.store, app.clock.now());
            let hash = app.passwords.hash(&Secret::new(PASSWORD)).await.expect("a hash");
            let (user, hash) = (ada.as_str(), hash.as_str());
            let set =
                |mut tx| async move { auth_server::store::user_account::set_password(&mut tx, user, hash, now).await };
            assert!(store.write(set).await.expect("set"));
        });
    });
    let signed_in = sign_in_while(&server.app, PASSWORD, change).await.expect("signed in");
    let (store, cookie) = (&server.app.store, signed_in.session.expose());
    let session = session::find(store, server.app.session_lifetimes, cookie, server.app.clock.now()).await;
    assert!(session.expect("an answer").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_was_closed_meanwhile_keeps_no_session_for_the_day_it_is_opened() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await.id;
    let app = Arc::clone(&server.app);
    let id = ada.clone();
    let close: Act = Box::new(move || {
        let (store, now) = (&app.store, app.clock.now());
        let closing = disable_user(store, &SystemRandom, &Actor::CommandLine, &id, now);
        Handle::current().block_on(closing).expect("closed");
    });
    let signed_in = sign_in_while(&server.app, PASSWORD, close).await;
    let (store, now) = (&server.app.store, server.app.clock.now());
    enable_user(store, &SystemRandom, &Actor::CommandLine, &ada, now).await.expect("opened");
    assert!(matches!(signed_in, Err(SignInError::Refused)));
    assert_eq!(server.audited("signed_in").await, 0);
}
