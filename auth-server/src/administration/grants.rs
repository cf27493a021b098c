//! Grants: what people allowed clients.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    schema,
    views::GrantView,
};
use crate::{
    grants::end_grant::end_grant,
    store::grant_overview::{self, After, GrantFilter, GrantOverview},
};
use schemars::JsonSchema;
use serde::Deserialize;

const NAME: &str = "grants";
const COLUMNS: &[&str] = &["id", "user_email", "client_name", "scope", "resource"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "What people allowed clients",
    operations: &[
        Operation::get((NAME, "list"), "/grants", |call| Box::pin(list(call)))
            .does("List grants that still stand, the newest first", "grants list --user-id K3b1ZW1hbm5uMjAwMTIzNA")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<GrantView>>)
            .columns(COLUMNS),
        Operation::get((NAME, "show"), "/grants/{id}", |call| Box::pin(show(call)))
            .does("Show a grant, also one that ended", "grants show K3b1ZW1hbm5uMjAwMTIzNA")
            .answers(schema::of::<GrantView>),
        Operation::delete((NAME, "revoke"), "/grants/{id}", |call| Box::pin(revoke(call)))
            .does("End a grant and every token of it, at once", "grants revoke K3b1ZW1hbm5uMjAwMTIzNA"),
    ],
};

/// Which grants.
#[derive(Debug, Deserialize, JsonSchema)]
struct Listing {
    #[serde(flatten)]
    page: PageQuery,
    /// Only what this user allowed.
    user_id: Option<String>,
    /// Only what was allowed to this client.
    client_id: Option<String>,
    /// Only what is for this resource.
    resource: Option<String>,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, &query.page)?;
    let after =
        if asked.after.is_empty() { After::NOTHING } else { after(&asked.after).ok_or_else(Refusal::cursor)? };
    let filter = GrantFilter {
        user_id: query.user_id.as_deref().unwrap_or_default(),
        client_id: query.client_id.as_deref().unwrap_or_default(),
        resource: query.resource.as_deref().unwrap_or_default(),
    };
    let rows = grant_overview::list(&mut call.app.store.read(), filter, after, asked.rows(), call.now).await?;
    let key = |grant: &GrantOverview| format!("{} {}", grant.created_at, grant.id);
    Ok(Reply::shows(&asked.page(rows, key, GrantView::from)))
}

fn after(key: &str) -> Option<After<'_>> {
    let (created_at, id) = key.split_once(' ')?;
    Some(After { created_at: created_at.parse().ok()?, id })
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows(&GrantView::from(find(call).await?)))
}

async fn revoke(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call).await?.id;
    end_grant(&call.app.store, &*call.app.random, call.actor, &id, call.now).await?;
    Ok(Reply::nothing())
}

async fn find(call: &Call<'_>) -> Result<GrantOverview, Refusal> {
    let grant = grant_overview::find(&mut call.app.store.read(), call.path("id")).await?;
    grant.ok_or_else(Refusal::not_found)
}
