//! `/api/openapi.json` against the running server: every operation is called for real, rightly and wrongly, and what comes back is what the
//! document says.

use super::super::{
    Answer, TestServer,
    browser::Browser,
    test_server::{RESOURCE, RESOURCE_SERVER},
    visitors::PASSWORD,
};
use super::{given::OPS, json_schema::problems, resources::encoded};
use auth_server::router;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A right request for one operation.
struct Example {
    path: Vec<(&'static str, String)>,
    query: &'static str,
    body: Value,
}

/// What every operation meets: people, clients, a grant, a session.
struct Stage {
    server: TestServer,
    session: String,
    grant: String,
    organization: String,
    member: String,
    key: String,
}

impl Stage {
    async fn set() -> Self {
        let server = TestServer::administered().await.and_app().await;
        server.family().await;
        let member = server.add_member("ada@example.com").await.id;
        let new = json!({ "slug": "acme", "name": "Acme", "owner_id": "ann" });
        let organization = server.admin("POST", "/organizations", &new).await.text("id");
        let path = format!("/organizations/{organization}/members/{member}");
        assert_eq!(server.admin("PUT", &path, &json!({ "role": "admin" })).await.status, 200);
        let key = server.admin_get("/keys").await.json()["items"][0]["kid"].as_str().expect("one").to_owned();
        Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
        let first =
            async |path: &str| server.admin_get(path).await.json()["items"][0]["id"].as_str().expect("one").to_owned();
        let (session, grant) = (first("/sessions").await, first("/grants").await);
        Self { server, session, grant, organization, member, key }
    }

    fn membership(&self) -> Vec<(&'static str, String)> {
        vec![("id", self.organization.clone()), ("user_id", self.member.clone())]
    }

    /// Panics for an operation that nobody wrote an example for.
    fn example(&self, operation: &str) -> Example {
        let at = |name: &'static str, id: &str| vec![(name, encoded(id))];
        let new_client = json!({
            "client_name": "x", "grant_types": ["client_credentials"], "scope": "mcp.read", "resources": [RESOURCE], "public": false,
        });
        let (path, query, body) = match operation {
            "users_list" => (vec![], "limit=1&state=active", Value::Null),
            "users_create" => {
                (vec![], "", json!({ "email": "new@example.com", "display_name": "New", "administrator": true }))
            }
            "users_change" => (at("id", "ann"), "", json!({ "display_name": "Ann" })),
            "users_show" | "users_disable" | "users_enable" | "users_password_link" | "users_sign_out" => {
                (at("id", "ann"), "", Value::Null)
            }
            "users_end_client" => (vec![("id", "ann".to_owned()), ("client_id", "app".to_owned())], "", Value::Null),
            // Ann is the last owner of an organization.
            "users_erase" => (at("id", &self.member), "", Value::Null),
            "organizations_list" => (vec![], "limit=5", Value::Null),
            "organizations_create" => {
                (vec![], "", json!({ "slug": "other", "name": "Other", "tenant_id": "t", "owner_id": "ann" }))
            }
            "organizations_members" => (at("id", &self.organization), "limit=1", Value::Null),
            "organizations_change" => (at("id", &self.organization), "", json!({ "name": "Acme Holding" })),
            "organizations_show" | "organizations_disable" | "organizations_enable" => {
                (at("id", &self.organization), "", Value::Null)
            }
            "organizations_set_member" => (self.membership(), "", json!({ "role": "member" })),
            "organizations_remove_member" | "organizations_show_member" => (self.membership(), "", Value::Null),
            "keys_list" => (vec![], "", Value::Null),
            "keys_rotate" => (vec![], "", json!({ "algorithm": "ES256", "now": false })),
            "keys_show" | "keys_revoke" => (at("id", &self.key), "", Value::Null),
            "clients_list" => (vec![], "limit=200&origin=dynamic", Value::Null),
            "clients_create" => (vec![], "", new_client),
            "clients_change" => (at("id", "console"), "", json!({ "client_name": "y", "refresh_grace_seconds": 0 })),
            "clients_new_secret" => (at("id", "console"), "", json!({ "overlap_seconds": 0 })),
            "clients_show" | "clients_delete" => (at("id", "console"), "", Value::Null),
            "resource_servers_list" => (vec![], "", Value::Null),
            "resource_servers_create" => (vec![], "", super::resource_servers::document()),
            "resource_servers_replace" => (at("id", RESOURCE_SERVER), "", super::resource_servers::document()),
            "resource_servers_show" => (at("id", RESOURCE_SERVER), "", Value::Null),
            "resources_list" => (vec![], "", Value::Null),
            "resources_show" | "resources_delete" => (at("id", RESOURCE), "", Value::Null),
            "resources_change" => (
                at("id", RESOURCE),
                "",
                json!({ "algorithm": "RS256", "access_token_ttl_seconds": 60, "as_registered": true }),
            ),
            "grants_list" => (vec![], "user_id=ann", Value::Null),
            "grants_show" | "grants_revoke" => (at("id", &self.grant), "", Value::Null),
            "sessions_list" => (vec![], "limit=2", Value::Null),
            "sessions_show" | "sessions_end" => (at("id", &self.session), "", Value::Null),
            "audit_list" => (vec![], "kind=grant_made&since=0&until=9&actor=ann", Value::Null),
            "audit_export" => (vec![], "limit=2&since=0", Value::Null),
            "audit_verify" => (vec![], "", Value::Null),
            other => panic!("{other} has no example: write one"),
        };
        Example { path, query, body }
    }
}

/// One operation of the document.
struct Described {
    path: String,
    method: String,
    operation: Value,
}

fn described(document: &Value) -> Vec<Described> {
    let paths = document["paths"].as_object().expect("paths");
    let each = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("methods").clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| Described {
            path: path.clone(),
            method: method.to_uppercase(),
            operation,
        })
    };
    paths.iter().flat_map(each).collect()
}

impl Described {
    fn url(&self, example: &Example, id: Option<&str>) -> String {
        let fill =
            |path: String, (name, value): &(&str, String)| path.replace(&format!("{{{name}}}"), id.unwrap_or(value));
        let path = example.path.iter().fold(self.path.clone(), fill);
        assert!(!path.contains('{'), "{path} has a parameter without an example");
        path
    }

    /// Whether `answer` is one that the document knows, in status and body; the status.
    fn check(&self, document: &Value, answer: &Answer) -> u16 {
        let status = answer.status.as_u16().to_string();
        let declared = &self.operation["responses"][&status];
        assert!(declared.is_object(), "{} {} may not answer {answer:?}", self.method, self.path);
        let schema = &declared["content"]["application/json"]["schema"];
        if schema.is_null() {
            assert_eq!(answer.body, "", "{} {}", self.method, self.path);
        } else {
            assert_eq!(answer.header("content-type"), "application/json");
            let found = problems(document, schema, &answer.json());
            assert!(found.is_empty(), "{} {} {status}: {found:?}", self.method, self.path);
        }
        answer.status.as_u16()
    }
}

async fn document_of(server: &TestServer) -> Value {
    let answer = server.get("/api/openapi.json").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn each_right_call_is_answered_as_the_document_says() {
    let document = document_of(&TestServer::start().await).await;
    for described in described(&document) {
        // A stage for each: what one operation ends, the next one needs.
        let stage = Stage::set().await;
        let id = described.operation["operationId"].as_str().expect("an id");
        let example = stage.example(id);
        if let Some(body) = described.operation["requestBody"]["content"]["application/json"]["schema"].as_object() {
            let found = problems(&document, &Value::Object(body.clone()), &example.body);
            assert!(found.is_empty(), "{id}: {found:?}");
        }
        let url = format!("{}?{}", described.url(&example, None), example.query);
        let token = stage.server.token_of_machine(OPS, "postern.admin").await;
        let answer = stage.server.call(&described.method, &url, &token, &example.body).await;
        let status = described.check(&document, &answer);
        assert!((200..300).contains(&status), "{id}: {answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{id}");
        assert!(
            status != 201 || answer.headers.contains_key("location") || id.ends_with("link") || id.ends_with("secret"),
            "{id}"
        );
    }
}

#[tokio::test]
async fn each_wrong_call_is_refused_as_the_document_says() {
    let stage = Stage::set().await;
    let document = document_of(&stage.server).await;
    let token = stage.server.token_of_machine(OPS, "postern.admin").await;
    let reader = stage.server.token_of_machine(OPS, "postern.admin.read").await;
    for described in described(&document) {
        stage.server.clock.advance(10);
        let id = described.operation["operationId"].as_str().expect("an id").to_owned();
        let example = stage.example(&id);
        let url = described.url(&example, None);
        let call = async |url: &str, token: &str, body: &Value| {
            let answer = stage.server.call(&described.method, url, token, body).await;
            described.check(&document, &answer)
        };
        assert_eq!(call(&url, "nonsense", &example.body).await, 401, "{id}");
        assert_eq!(call(&format!("{url}?nonsense=1"), &token, &example.body).await, 400, "{id}");
        if described.method != "GET" {
            assert_eq!(call(&url, &reader, &example.body).await, 403, "{id}");
        }
        if !example.path.is_empty() {
            let nothing = described.url(&example, Some("nothing"));
            assert_eq!(call(&nothing, &token, &example.body).await, 404, "{id}");
        }
        let Some(schema) = described.operation["requestBody"]["content"]["application/json"].get("schema") else {
            continue;
        };
        for wrong in [json!([]), with(&example.body, "nonsense", json!(1)), json!({ "nonsense": null })] {
            assert!(!problems(&document, schema, &wrong).is_empty(), "{id}: the schema allows {wrong}");
            assert_eq!(call(&url, &token, &wrong).await, 400, "{id} {wrong}");
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut wrong = example.body.clone();
            wrong.as_object_mut().expect("an object").remove(name);
            assert_eq!(call(&url, &token, &wrong).await, 400, "{id} without {name}");
        }
        for name in schema["properties"].as_object().expect("members").keys() {
            let wrong = with(&example.body, name, json!({ "another": ["form"] }));
            assert_eq!(call(&url, &token, &wrong).await, 400, "{id} {name}");
        }
    }
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn the_document_and_the_table_of_urls_say_the_same() {
    let server = TestServer::start().await;
    let document = document_of(&server).await;
    let written: BTreeSet<&str> = document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    assert_eq!(written, router::administered().collect());
    for described in described(&document) {
        let url = described.path.replace("{id}", "x").replace("{user_id}", "y").replace("{client_id}", "z");
        let answer = server.call(&described.method, &url, "nonsense", &Value::Null).await;
        assert_eq!(answer.status, 401, "{} {url}", described.method);
    }
}

#[tokio::test]
async fn the_document_is_sound() {
    let server = TestServer::start_with("public_url = \"http://localhost:9400/sub\"").await;
    let answer = server.get("/sub/api/openapi.json").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*", "it is public");
    let document = answer.json();
    assert_eq!(
        (&document["openapi"], &document["servers"][0]["url"]),
        (&json!("3.1.1"), &json!("http://localhost:9400/sub"))
    );
    let mut ids = BTreeMap::new();
    for described in described(&document) {
        let operation = &described.operation;
        assert!(!operation["summary"].as_str().expect("a summary").is_empty());
        let scopes = operation["security"][0]["oauth"].as_array().expect("a scheme");
        assert_eq!(scopes[0] == "postern.admin", described.method != "GET", "{operation}");
        *ids.entry(operation["operationId"].to_string()).or_insert(0) += 1;
        for parameter in operation["parameters"].as_array().expect("parameters") {
            let is_in_path = described.path.contains(&format!("{{{}}}", parameter["name"].as_str().expect("a name")));
            assert_eq!(parameter["in"] == "path", is_in_path, "{parameter}");
        }
    }
    assert!(ids.values().all(|count| *count == 1), "{ids:?}");
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = &part[..part.find('"').expect("its end")];
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    assert!(!text.contains("\"$defs\""), "schemas stand for themselves or among the components");
}
