//! Resources. Resource servers register them; an administrator sees and removes them, and says how their tokens are.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    clients::Algorithm,
    page::{Asked, Page, PageQuery},
    refusal::Change,
    schema,
    views::ResourceView,
};
use crate::{
    resources::{
        Resource,
        remove_resource::remove_resource,
        set_resource_tokens::{TokenChoice, set_seen_resource_tokens},
    },
    store,
};
use schemars::JsonSchema;
use serde::Deserialize;

const NAME: &str = "resources";
const COLUMNS: &[&str] = &["resource", "name", "owner_client_id", "algorithm"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "What tokens can be for; resource servers register it",
    operations: &[
        Operation::get((NAME, "list"), "/resources", |call| Box::pin(list(call)))
            .does("List resources, by identifier, after the one that is built in", "resources list")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<ResourceView>>)
            .columns(COLUMNS),
        Operation::get((NAME, "show"), "/resources/{id}", |call| Box::pin(show(call)))
            .does(
                "Show a resource, by its identifier",
                "resources show http://localhost:9500/mcp",
            )
            .answers(schema::of::<ResourceView>),
        Operation::patch((NAME, "change"), "/resources/{id}", |call| Box::pin(change(call)))
            .does(
                "Say how access tokens for a resource are signed and how long they live, whatever its resource server registers",
                "resources change http://localhost:9500/mcp --algorithm RS256 --access-token-ttl-seconds 300",
            )
            .body(schema::of::<Alteration>)
            .answers(schema::of::<ResourceView>)
            .refuses(&[409, 412]),
        Operation::delete((NAME, "delete"), "/resources/{id}", |call| Box::pin(delete(call))).does(
            "Remove a resource: every token for it ends; its resource server may register it again",
            "resources delete http://localhost:9500/mcp",
        ),
    ],
};

/// Which resources.
#[derive(Debug, Deserialize, JsonSchema)]
struct Listing {
    #[serde(flatten)]
    page: PageQuery,
    /// Only those of the resource server with this client id.
    owner_client_id: Option<String>,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, &query.page)?;
    let owner = query.owner_client_id.unwrap_or_default();
    let mut rows = store::resource::list_page(&mut call.app.store.read(), &owner, &asked.after, asked.rows()).await?;
    if asked.after.is_empty() && owner.is_empty() {
        rows.insert(0, Resource::administration(&call.app.issuer));
    }
    Ok(Reply::shows(&asked.page(rows, place, ResourceView::from)))
}

/// Where a resource stands in the list: what is built in before every identifier.
fn place(resource: &Resource) -> String {
    if resource.is_management() { " ".to_owned() } else { resource.id.clone() }
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let built_in = Resource::administration(&call.app.issuer);
    if call.path("id") == built_in.id {
        return Ok(Reply::shows(&ResourceView::from(built_in)));
    }
    Ok(Reply::shows_version(&ResourceView::from(find(call).await?.ok_or_else(Refusal::not_found)?)))
}

/// What becomes different; what is absent stays as it is. Tokens that were issued stay as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Alteration {
    /// How access tokens are signed.
    algorithm: Option<Algorithm>,
    /// How long access tokens live.
    #[schemars(range(min = 60, max = 86_400))]
    access_token_ttl_seconds: Option<i64>,
    /// Forget first what was said before: what the resource server registers counts again.
    #[serde(default)]
    as_registered: bool,
}

async fn change(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Alteration = call.body(schema::of::<Alteration>)?;
    let seen = find(call).await?.ok_or_else(Refusal::not_found)?;
    call.check_version(&ResourceView::from(seen.clone()))?;
    let choice = TokenChoice {
        as_registered: body.as_registered,
        algorithm: body.algorithm.map(Into::into),
        access_token_ttl_seconds: body.access_token_ttl_seconds,
    };
    if choice == TokenChoice::default() {
        return Ok(Reply::shows_version(&ResourceView::from(seen)));
    }
    let app = call.app;
    let set = set_seen_resource_tokens(&app.store, &*app.random, call.actor, &seen, choice, call.now).await;
    match set.map_err(Change::from) {
        Ok(resource) => Ok(Reply::shows_version(&ResourceView::from(resource))),
        Err(cause) => Err(cause.tell(call)),
    }
}

async fn delete(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = call.path("id");
    // A policy version is never forgotten: it tells a resource that was removed from one that never was.
    if store::resource::last_policy_version(&mut call.app.store.read(), id).await?.is_none() {
        return Err(Refusal::not_found());
    }
    remove_resource(&call.app.store, &*call.app.random, call.actor, id, call.now).await?;
    Ok(Reply::nothing())
}

async fn find(call: &Call<'_>) -> Result<Option<Resource>, Refusal> {
    Ok(store::resource::find_by_id(&mut call.app.store.read(), call.path("id")).await?)
}
