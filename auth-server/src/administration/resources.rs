//! Resources. Resource servers register them; an administrator sees and removes them.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page},
    schema,
    views::ResourceView,
};
use crate::{
    resources::{Resource, remove_resource::remove_resource},
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
            .does("List resources, by identifier", "resources list")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<ResourceView>>)
            .columns(COLUMNS),
        Operation::get((NAME, "show"), "/resources/{id}", |call| Box::pin(show(call)))
            .does(
                "Show a resource; its identifier is percent-encoded in the path",
                "resources show http://localhost:9500/mcp",
            )
            .answers(schema::of::<ResourceView>),
        Operation::delete((NAME, "delete"), "/resources/{id}", |call| Box::pin(delete(call))).does(
            "Remove a resource: every token for it ends; its resource server may register it again",
            "resources delete http://localhost:9500/mcp",
        ),
    ],
};

/// Which resources.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// How many items the page has at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those of the resource server with this client id.
    owner_client_id: Option<String>,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, query.limit, query.cursor.as_deref())?;
    let owner = query.owner_client_id.unwrap_or_default();
    let rows = store::resource::list_page(&mut call.app.store.read(), &owner, &asked.after, asked.rows()).await?;
    Ok(Reply::shows(&asked.page(rows, |resource| resource.id.clone(), ResourceView::from)))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows(&ResourceView::from(find(call).await?.ok_or_else(Refusal::not_found)?)))
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
