//! Browser sessions.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    schema,
    views::SessionView,
};
use crate::{
    store::browser_session::{self, SessionRecord},
    users::end_session::end_session,
};
use schemars::JsonSchema;
use serde::Deserialize;

const NAME: &str = "sessions";
const COLUMNS: &[&str] = &["id", "user_id", "authenticated_at", "last_seen_at", "expires_at"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "Browsers in which people are signed in",
    operations: &[
        Operation::get((NAME, "list"), "/sessions", |call| Box::pin(list(call)))
            .does("List browser sessions that have not ended", "sessions list --user-id K3b1ZW1hbm5uMjAwMTIzNA")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<SessionView>>)
            .columns(COLUMNS),
        Operation::get((NAME, "show"), "/sessions/{id}", |call| Box::pin(show(call)))
            .does("Show a browser session, also one that ended", "sessions show K3b1ZW1hbm5uMjAwMTIzNA")
            .answers(schema::of::<SessionView>),
        Operation::delete((NAME, "end"), "/sessions/{id}", |call| Box::pin(end(call)))
            .does("Sign a browser out; grants stay", "sessions end K3b1ZW1hbm5uMjAwMTIzNA"),
    ],
};

/// Which sessions.
#[derive(Debug, Deserialize, JsonSchema)]
struct Listing {
    #[serde(flatten)]
    page: PageQuery,
    /// Only those of this user.
    user_id: Option<String>,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, &query.page)?;
    let user_id = query.user_id.unwrap_or_default();
    let idle_since = call.now - call.app.session_lifetimes.idle_seconds;
    let mut reader = call.app.store.read();
    let rows =
        browser_session::list_page(&mut reader, &user_id, &asked.after, asked.rows(), call.now, idle_since).await?;
    Ok(Reply::shows(&asked.page(rows, |session| session.id.clone(), SessionView::from)))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows(&SessionView::from(find(call).await?)))
}

async fn end(call: &Call<'_>) -> Result<Reply, Refusal> {
    let session = find(call).await?;
    end_session(&call.app.store, &*call.app.random, call.actor, &session, call.now).await?;
    Ok(Reply::nothing())
}

async fn find(call: &Call<'_>) -> Result<SessionRecord, Refusal> {
    let session = browser_session::find_record(&mut call.app.store.read(), call.path("id")).await?;
    session.ok_or_else(Refusal::not_found)
}
