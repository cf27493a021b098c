//! Resource servers: clients that may register what lies under their origins. They are deleted as the clients they are.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    refusal::Change,
    schema,
    views::ResourceServerView,
};
use crate::{
    clients::{Client, ClientOrigin, registration::CLIENT_ID_PREFIX},
    resources::enrol_resource_server::{Enrolment, Seen, enrol_unless_changed},
    store,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::{protocol::jwk::JwkSet, random::random_id};

const NAME: &str = "resource-servers";
const COLUMNS: &[&str] = &["client_id", "name", "origins"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "Servers that register what tokens can be for; delete them as the clients they are",
    operations: &[
        Operation::get((NAME, "list"), "/resource-servers", |call| Box::pin(list(call)))
            .does("List resource servers, by client id", "resource-servers list")
            .query(schema::of::<PageQuery>)
            .answers(schema::of::<Page<ResourceServerView>>)
            .columns(COLUMNS),
        Operation::post((NAME, "create"), "/resource-servers", |call| Box::pin(create(call)))
            .does(
                "Enrol a resource server by its public keys",
                "resource-servers create --name mcp --origins https://mcp.example.com --jwks \"$(cat keys.json)\"",
            )
            .body(schema::of::<Document>)
            .creates(schema::of::<ResourceServerView>),
        Operation::get((NAME, "show"), "/resource-servers/{id}", |call| Box::pin(show(call)))
            .does("Show a resource server", "resource-servers show client_Zm9vYmFyYmF6cXV4MTIz")
            .answers(schema::of::<ResourceServerView>),
        Operation::put((NAME, "replace"), "/resource-servers/{id}", |call| Box::pin(replace(call)))
            .does(
                "Replace name, keys and origins of a resource server",
                "resource-servers replace client_Zm9vYmFyYmF6cXV4MTIz --name mcp --origins https://mcp.example.com \
                 --jwks \"$(cat keys.json)\"",
            )
            .body(schema::of::<Document>)
            .answers(schema::of::<ResourceServerView>)
            .refuses(&[409, 412]),
    ],
};

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: PageQuery = call.query(schema::of::<PageQuery>)?;
    let asked = Asked::of(NAME, &query)?;
    let origin = ClientOrigin::ResourceServer.as_str();
    let mut reader = call.app.store.read();
    let clients = store::client::list_page(&mut reader, origin, &asked.after, asked.rows(), call.now).await?;
    let mut rows = Vec::with_capacity(clients.len());
    for client in clients {
        let origins = store::resource_server::find_origins(&mut reader, &client.id).await?;
        rows.push(ResourceServerView::of(client, origins.unwrap_or_default()));
    }
    Ok(Reply::shows(&asked.page(rows, |view| view.client_id.clone(), |view| view)))
}

/// A resource server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Document {
    /// What people call it.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// The origins under which it may register resources.
    #[schemars(length(min = 1))]
    origins: Vec<String>,
    /// The public keys of its client assertions, as a JSON Web Key Set.
    jwks: Map<String, Value>,
}

async fn create(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = format!("{CLIENT_ID_PREFIX}{}", random_id(&*call.app.random));
    write(call, &id, None).await?;
    Ok(Reply::made(&find(call, &id).await?.view(), NAME, &id))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows_version(&find(call, call.path("id")).await?.view()))
}

async fn replace(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = call.path("id");
    let found = find(call, id).await?;
    let seen = Seen { client: &found.client, origins: &found.origins };
    write(call, id, Some(seen)).await?;
    Ok(Reply::shows_version(&find(call, id).await?.view()))
}

async fn write(call: &Call<'_>, id: &str, seen: Option<Seen<'_>>) -> Result<(), Refusal> {
    let body: Document = call.body(schema::of::<Document>)?;
    if let Some(seen) = seen {
        call.check_version(&ResourceServerView::of(seen.client.clone(), seen.origins.to_vec()))?;
    }
    let name = body.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Refusal::invalid("The name must be one line of 1 to 200 characters.").about("name"));
    }
    let jwks: JwkSet = serde_json::from_value(Value::Object(body.jwks))
        .map_err(|_| Refusal::invalid("jwks must be a set of public keys (RFC 7517).").about("jwks"))?;
    let enrolment = Enrolment { client_id: id, name, origins: &body.origins, jwks: &jwks };
    let app = call.app;
    let (issuer, random) = (&app.issuer, &*app.random);
    let enrolled = enrol_unless_changed(&app.store, issuer, &enrolment, seen, random, call.actor, call.now).await;
    enrolled.map_err(|cause| Change::from(cause).tell(call))
}

/// A resource server that exists.
struct Found {
    client: Client,
    origins: Vec<String>,
}

impl Found {
    fn view(self) -> ResourceServerView {
        ResourceServerView::of(self.client, self.origins)
    }
}

async fn find(call: &Call<'_>, id: &str) -> Result<Found, Refusal> {
    let mut reader = call.app.store.read();
    let client = store::client::find(&mut reader, id).await?;
    let is_one = |client: &Client| client.origin == ClientOrigin::ResourceServer && client.is_alive(call.now);
    let client = client.filter(is_one).ok_or_else(Refusal::not_found)?;
    let origins = store::resource_server::find_origins(&mut reader, id).await?;
    Ok(Found { client, origins: origins.unwrap_or_default() })
}
