//! What is not known is 503, and what is done is done whole.

use super::super::{TestServer, database::for_each_database};
use super::given::{CONSOLE, OPS};
use serde_json::{Value, json};
use shared::db::{Fault, Faults, Store};
use std::sync::{Arc, Mutex};

for_each_database!(who_cannot_be_looked_up_is_neither_let_in_nor_sent_away, a_user_without_a_link_is_not_made,);

/// Fails at the statement that it names.
#[derive(Default)]
struct FailsAt(Mutex<Option<&'static str>>);

impl FailsAt {
    fn set(&self, statement: Option<&'static str>) {
        *self.0.lock().expect("not poisoned") = statement;
    }
}

impl Faults for FailsAt {
    fn at(&self, name: &'static str) -> Option<Fault> {
        (*self.0.lock().expect("not poisoned") == Some(name)).then_some(Fault::Unavailable)
    }
}

async fn failing(store: &Store) -> (TestServer, Arc<FailsAt>) {
    let faults = Arc::new(FailsAt::default());
    (TestServer::administered_on(store.with_faults(faults.clone())).await, faults)
}

async fn who_cannot_be_looked_up_is_neither_let_in_nor_sent_away(store: &Store) {
    let (server, faults) = failing(store).await;
    server.add_user("ann", &["member"]).await;
    let machine = server.token_of_machine(OPS, "postern.admin").await;
    let root = server.token_of_user("root", CONSOLE, "postern.admin");
    let ann = server.token_of_user("ann", CONSOLE, "postern.admin");
    let new = json!({ "email": "new@example.com" });
    for (statement, token) in
        [("client.find", &machine), ("client.find", &root), ("user_account.find", &root), ("user_account.find", &ann)]
    {
        faults.set(Some(statement));
        for (method, body) in [("GET", &Value::Null), ("POST", &new)] {
            let answer = server.call(method, "/api/admin/users", token, body).await;
            assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()), "{statement} {method}");
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        }
        faults.set(None);
    }
    assert_eq!(server.audited("user_added").await, 0);
    for (token, status) in [(machine, 200), (root, 200), (ann, 403)] {
        assert_eq!(server.call("GET", "/api/admin/users", &token, &Value::Null).await.status, status);
    }
}

async fn a_user_without_a_link_is_not_made(store: &Store) {
    let (server, faults) = failing(store).await;
    let new = json!({ "email": "ada@example.com" });
    let token = server.token_of_machine(OPS, "postern.admin").await;
    let create = async || server.call("POST", "/api/admin/users", &token, &new).await;
    faults.set(Some("one_time_link.insert"));
    let answer = create().await;
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
    faults.set(None);
    assert_eq!(server.admin_get("/users?email=ada@example.com").await.json()["items"], json!([]));
    assert_eq!((server.audited("user_added").await, server.audited("password_link_made").await), (0, 0));
    let answer = create().await;
    assert_eq!(answer.status, 201, "the address is free: {answer:?}");
    assert_eq!((server.audited("user_added").await, server.audited("password_link_made").await), (1, 1));
}
