//! Users. Passwords never pass through an administrator: a new user, and one who forgot, gets a link.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    refusal::Change,
    schema,
    views::{NewUserView, PasswordLinkView, UserView},
};
use crate::{
    grants::end_client_access::end_client_access,
    store::{
        authorization_grant::RevocationReason,
        client,
        user_account::{self, UserFilter, UserRecord},
    },
    users::{
        Email, NewUser,
        change_user::{UserChange, change_user},
        disable_user::{DisableUserRefusal, disable_user},
        enable_user,
        erase_user::{EraseUserRefusal, erase_user},
        invite_user, reset_password, sign_out_everywhere,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const NAME: &str = "users";
const COLUMNS: &[&str] = &["email", "display_name", "roles", "state", "id"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "People who may sign in",
    operations: &[
        Operation::get((NAME, "list"), "/users", |call| Box::pin(list(call)))
            .does("List users, by e-mail address", "users list --state active")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<UserView>>)
            .columns(COLUMNS),
        Operation::post((NAME, "create"), "/users", |call| Box::pin(create(call)))
            .does(
                "Make an account; the answer has a link through which the user chooses a password",
                "users create --email ada@example.com",
            )
            .body(schema::of::<Creation>)
            .creates(schema::of::<NewUserView>)
            .refuses(&[409]),
        Operation::get((NAME, "show"), "/users/{id}", |call| Box::pin(show(call)))
            .does("Show a user", "users show K3b1ZW1hbm5uMjAwMTIzNA")
            .answers(schema::of::<UserView>),
        Operation::patch((NAME, "change"), "/users/{id}", |call| Box::pin(change(call)))
            .does(
                "Rename a user, or give or take the role of administrators",
                "users change K3b1ZW1hbm5uMjAwMTIzNA --administrator=true",
            )
            .body(schema::of::<Alteration>)
            .answers(schema::of::<UserView>)
            .refuses(&[409, 412]),
        Operation::post((NAME, "disable"), "/users/{id}/disable", |call| Box::pin(disable(call)))
            .does(
                "Close an account: its sessions, links, consents and grants end at once",
                "users disable K3b1ZW1hbm5uMjAwMTIzNA",
            )
            .answers(schema::of::<UserView>)
            .refuses(&[409]),
        Operation::post((NAME, "enable"), "/users/{id}/enable", |call| Box::pin(enable(call)))
            .does("Open a closed account; what had ended stays ended", "users enable K3b1ZW1hbm5uMjAwMTIzNA")
            .answers(schema::of::<UserView>)
            .refuses(&[409]),
        Operation::post((NAME, "password-link"), "/users/{id}/password-link", |call| Box::pin(password_link(call)))
            .does(
                "Make a link through which the user chooses a new password, in place of earlier ones",
                "users password-link K3b1ZW1hbm5uMjAwMTIzNA",
            )
            .creates(schema::of::<PasswordLinkView>)
            .refuses(&[409]),
        Operation::delete((NAME, "erase"), "/users/{id}", |call| Box::pin(erase(call)))
            .does(
                "Erase a person for good: nothing that is kept says any more who they were",
                "users erase K3b1ZW1hbm5uMjAwMTIzNA",
            )
            .refuses(&[409]),
        Operation::delete((NAME, "sign-out"), "/users/{id}/sessions", |call| Box::pin(sign_out(call)))
            .does("End every browser session of a user; grants stay", "users sign-out K3b1ZW1hbm5uMjAwMTIzNA"),
        Operation::delete((NAME, "end-client"), "/users/{id}/clients/{client_id}", |call| Box::pin(end_client(call)))
            .does(
                "End everything that a user allowed a client, at once",
                "users end-client K3b1ZW1hbm5uMjAwMTIzNA client_Zm9vYmFyYmF6cXV4MTIz",
            ),
    ],
};

/// Which users.
#[derive(Debug, Deserialize, JsonSchema)]
struct Listing {
    #[serde(flatten)]
    page: PageQuery,
    /// Only the user with this e-mail address, whatever its case.
    email: Option<String>,
    /// Only users in this state.
    state: Option<State>,
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It can.
    Active,
    /// It is closed.
    Disabled,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, &query.page)?;
    let email = match query.email.as_deref().map(Email::parse) {
        Some(Err(_)) => return Err(Refusal::invalid("This is no e-mail address.").about("email")),
        Some(Ok(email)) => Some(email),
        None => None,
    };
    let state = query.state.map_or("", |state| match state {
        State::Active => "active",
        State::Disabled => "disabled",
    });
    let mut reader = call.app.store.read();
    if !asked.after.is_empty() && user_account::find(&mut reader, &asked.after).await?.is_none() {
        return Err(Refusal::cursor());
    }
    let filter = UserFilter { email_key: email.as_ref().map_or("", Email::key), state };
    let rows = user_account::list_page(&mut reader, filter, &asked.after, asked.rows()).await?;
    Ok(Reply::shows(&asked.page(rows, |record| record.user.id.clone(), UserView::from)))
}

/// A new account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Creation {
    /// What names the account.
    email: String,
    /// What pages call the person; without it the part of the address before the @.
    #[serde(default)]
    display_name: String,
    /// Whether the user administers this installation.
    #[serde(default)]
    administrator: bool,
}

async fn create(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Creation = call.body(schema::of::<Creation>)?;
    let app = call.app;
    let new = NewUser {
        email: &body.email,
        display_name: &body.display_name,
        password: None,
        is_administrator: body.administrator,
    };
    let (user, token) = invite_user(&app.store, &app.passwords, &*app.random, call.actor, &new, call.now).await?;
    let link = PasswordLinkView::of(&app.issuer, &token);
    let record = find(call, &user.id).await?;
    let id = record.user.id.clone();
    Ok(Reply::made(&NewUserView { user: record.into(), link }, NAME, &id))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows_version(&UserView::from(find(call, call.path("id")).await?)))
}

/// What becomes different; what is absent stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Alteration {
    /// What pages call the person.
    display_name: Option<String>,
    /// Whether the user administers this installation.
    administrator: Option<bool>,
}

async fn change(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Alteration = call.body(schema::of::<Alteration>)?;
    let record = find(call, call.path("id")).await?;
    refuse_erased(call, &record.user.id).await?;
    call.check_version(&UserView::from(record.clone()))?;
    let app = call.app;
    let change = UserChange { display_name: body.display_name.as_deref(), is_administrator: body.administrator };
    let changed = change_user(&app.store, &*app.random, call.actor, &record.user, &change, call.now).await;
    match changed.map_err(Change::from) {
        Ok(()) => Ok(Reply::shows_version(&UserView::from(find(call, &record.user.id).await?))),
        Err(cause) => Err(cause.tell(call)),
    }
}

async fn disable(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call, call.path("id")).await?.user.id;
    match disable_user(&call.app.store, &*call.app.random, call.actor, &id, call.now).await {
        Ok(()) | Err(DisableUserRefusal::NotOpen) => {}
        Err(DisableUserRefusal::LastAdministrator) => return Err(Refusal::last_administrator()),
        Err(DisableUserRefusal::Store(cause)) => return Err(cause.into()),
    }
    Ok(Reply::shows_version(&UserView::from(find(call, &id).await?)))
}

async fn enable(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call, call.path("id")).await?.user.id;
    refuse_erased(call, &id).await?;
    enable_user(&call.app.store, &*call.app.random, call.actor, &id, call.now).await?;
    Ok(Reply::shows_version(&UserView::from(find(call, &id).await?)))
}

async fn password_link(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call, call.path("id")).await?.user.id;
    Ok(Reply::shows(&fresh_link(call, &id).await?))
}

async fn erase(call: &Call<'_>) -> Result<Reply, Refusal> {
    let (app, id) = (call.app, find(call, call.path("id")).await?.user.id);
    match erase_user(&app.store, &app.audit_key, &*app.random, call.actor, &id, call.now).await {
        Ok(()) | Err(EraseUserRefusal::NotThere) => Ok(Reply::nothing()),
        Err(EraseUserRefusal::LastAdministrator) => Err(Refusal::last_administrator()),
        Err(EraseUserRefusal::LastOwner(slug)) => Err(Refusal::last_owner_of(&slug)),
        Err(EraseUserRefusal::Store(cause)) => Err(cause.into()),
    }
}

/// What stays of an erased person is neither named nor opened again.
async fn refuse_erased(call: &Call<'_>, id: &str) -> Result<(), Refusal> {
    match user_account::is_erased(&mut call.app.store.read(), id).await? {
        true => Err(Refusal::conflict("The person was erased.")),
        false => Ok(()),
    }
}

async fn sign_out(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call, call.path("id")).await?.user.id;
    sign_out_everywhere(&call.app.store, &*call.app.random, call.actor, &id, call.now).await?;
    Ok(Reply::nothing())
}

async fn end_client(call: &Call<'_>) -> Result<Reply, Refusal> {
    let (app, user_id, client_id) = (call.app, find(call, call.path("id")).await?.user.id, call.path("client_id"));
    if client::find(&mut app.store.read(), client_id).await?.is_none() {
        return Err(Refusal::not_found());
    }
    let by = (call.actor, RevocationReason::Administrator);
    end_client_access(&app.store, &*app.random, by, &user_id, client_id, call.now).await?;
    Ok(Reply::nothing())
}

async fn find(call: &Call<'_>, id: &str) -> Result<UserRecord, Refusal> {
    let record = user_account::find_record(&mut call.app.store.read(), id).await?;
    record.ok_or_else(Refusal::not_found)
}

async fn fresh_link(call: &Call<'_>, id: &str) -> Result<PasswordLinkView, Refusal> {
    let app = call.app;
    let token = reset_password::fresh_link(&app.store, &*app.random, call.actor, id, call.now).await?;
    let token = token.ok_or_else(|| Refusal::conflict("The account is disabled."))?;
    Ok(PasswordLinkView::of(&app.issuer, &token))
}
