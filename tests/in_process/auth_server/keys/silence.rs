//! An instance that cannot hear of changed keys stops signing, says so, and resumes.

use super::token;
use crate::auth_server::{
    TestServer,
    database::Database,
    given::{SECRET, TOKEN, basic, confidential_client},
};
use auth_server::change_log::follower::follow_within;
use shared::db::{Fault, Faults};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use system_tests::poll::until;
use tokio_util::sync::CancellationToken;

const IN_TIME: Duration = Duration::from_secs(20);

/// The change log cannot be read; everything else can.
#[derive(Default)]
struct Deaf(AtomicBool);

impl Faults for Deaf {
    fn at(&self, name: &'static str) -> Option<Fault> {
        (name == "change_log.look" && self.0.load(Ordering::SeqCst)).then_some(Fault::Unavailable)
    }
}

#[tokio::test]
async fn signing_stops_and_resumes() {
    let (database, deaf) = (Database::sqlite_memory().await, Arc::<Deaf>::default());
    let server = TestServer::start_on(database.store().with_faults(deaf.clone()), "").await;
    server.add_client(&confidential_client("web")).await;
    let (_, kid) = token(&server).await;
    let stop = CancellationToken::new();
    let follower = tokio::spawn(follow_within(Arc::clone(&server.app), Duration::from_millis(50), stop.clone()));
    deaf.0.store(true, Ordering::SeqCst);
    let form = [("grant_type", "client_credentials")];
    let refused = until("signing stops", IN_TIME, || async {
        let answer = server.post_form_as(TOKEN, &basic("web", SECRET), &form).await;
        (answer.status != 200).then_some(answer)
    })
    .await
    .expect("it stops");
    assert_eq!(refused.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    server.clock.advance(5);
    let ready = server.get("/readyz").await;
    assert!(ready.status == 503 && ready.body.contains("keys"), "{ready:?}");
    assert!(server.get("/.well-known/jwks.json").await.body.contains(&kid), "what was signed can still be verified");

    deaf.0.store(false, Ordering::SeqCst);
    until("signing resumes", IN_TIME, || async {
        let answer = server.post_form_as(TOKEN, &basic("web", SECRET), &form).await;
        (answer.status == 200).then_some(())
    })
    .await
    .expect("it resumes");
    stop.cancel();
    follower.await.expect("it ends");
}
