//! The metadata tells the truth: each thing it advertises is used here, with success, and each thing that it might advertise and
//! does not is refused. A new member or value fails until somebody says here how it is used.

mod clients;
mod unadvertised;
mod uses;

use super::TestServer;
use clients::Setting;
use serde_json::Value;

const DOCUMENTS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/// Every member with each of its values: an array counts as its elements.
fn promises(document: &Value) -> Vec<(String, Value)> {
    let members = document.as_object().expect("an object");
    let values = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    members.iter().flat_map(|(name, value)| values(value).into_iter().map(move |value| (name.clone(), value))).collect()
}

#[tokio::test]
async fn each_advertised_thing_is_used_with_success() {
    for issuer in ["http://localhost:9400", "https://auth.example/t"] {
        let setting = Setting::of(TestServer::start_with(&format!("public_url = \"{issuer}\"")).await).await;
        let mut used = 0;
        for document in DOCUMENTS {
            let document = setting.server.get(document).await.json();
            for (name, value) in promises(&document) {
                let broken = uses::use_it(&setting, &document, &name, &value).await;
                assert_eq!(broken, Ok(()), "{issuer} advertises {name} = {value}");
                used += 1;
            }
        }
        assert!(used > 80, "{used}");
    }
}

#[tokio::test]
async fn each_unadvertised_thing_is_refused() {
    let setting = Setting::of(TestServer::start().await).await;
    for document in DOCUMENTS {
        let document = setting.server.get(document).await.json();
        for (name, value) in unadvertised::NAMES {
            assert!(!promises(&document).contains(&((*name).to_owned(), Value::from(*value))), "{name} has {value}");
            let broken = unadvertised::try_it(&setting, name, value).await;
            assert_eq!(broken, Ok(()), "{name} = {value} is not advertised");
        }
    }
}

#[tokio::test]
async fn a_promise_without_a_use_is_found() {
    let setting = Setting::of(TestServer::start().await).await;
    let document = setting.server.get(DOCUMENTS[0]).await.json();
    for (name, value) in [("made_up_endpoint", "https://x.example"), ("grant_types_supported", "made_up")] {
        assert!(uses::use_it(&setting, &document, name, &Value::from(value)).await.is_err(), "{name}");
    }
}
