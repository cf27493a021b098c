//! Clients: those that administrators make, and those that registered themselves.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    refusal::Change,
    schema,
    views::{ClientView, NewSecretView},
};
use crate::{
    clients::{
        Client,
        add_client::{Installation, NewClient, add_client},
        change_client::{ClientChange, change_client},
        remove_client::remove_client,
        rotate_secret::{OVERLAP_SECONDS, RotateSecretRefusal, rotate_secret},
    },
    store,
    tokens::lifetimes::REFRESH_GRACE_MAX_SECONDS,
};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::protocol::token_algorithm::TokenAlgorithm;

const NAME: &str = "clients";
const COLUMNS: &[&str] = &["client_id", "client_name", "origin", "grant_types", "scope"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "Programs that ask for tokens",
    operations: &[
        Operation::get((NAME, "list"), "/clients", |call| Box::pin(list(call)))
            .does("List clients, by id", "clients list --origin administered")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<ClientView>>)
            .columns(COLUMNS),
        Operation::post((NAME, "create"), "/clients", |call| Box::pin(create(call)))
            .does(
                "Make a client; the answer has its secret, which is shown only then",
                "clients create --client-name nightly --grant-types client_credentials --scope mcp.read \
                 --resources http://localhost:9500/mcp",
            )
            .body(schema::of::<Creation>)
            .creates(schema::of::<NewSecretView>),
        Operation::get((NAME, "show"), "/clients/{id}", |call| Box::pin(show(call)))
            .does("Show a client", "clients show client_Zm9vYmFyYmF6cXV4MTIz")
            .answers(schema::of::<ClientView>),
        Operation::patch((NAME, "change"), "/clients/{id}", |call| Box::pin(change(call)))
            .does(
                "Change a client that an administrator made; tokens that hold what it loses end at once",
                "clients change client_Zm9vYmFyYmF6cXV4MTIz --scope mcp.read",
            )
            .body(schema::of::<Alteration>)
            .answers(schema::of::<ClientView>)
            .refuses(&[409, 412]),
        Operation::post((NAME, "new-secret"), "/clients/{id}/secret", |call| Box::pin(new_secret(call)))
            .does(
                "Make a new secret; the old one counts beside it for a while",
                "clients new-secret client_Zm9vYmFyYmF6cXV4MTIz --overlap-seconds 0",
            )
            .body(schema::of::<Replacement>)
            .creates(schema::of::<NewSecretView>)
            .refuses(&[409]),
        Operation::delete((NAME, "delete"), "/clients/{id}", |call| Box::pin(delete(call))).does(
            "Remove a client: its grants, its tokens and the resources it registered end at once",
            "clients delete client_Zm9vYmFyYmF6cXV4MTIz",
        ),
    ],
};

/// Which clients.
#[derive(Debug, Deserialize, JsonSchema)]
struct Listing {
    #[serde(flatten)]
    page: PageQuery,
    /// Only clients that were made so.
    origin: Option<Origin>,
}

/// Who made a client.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Origin {
    /// It registered itself.
    Dynamic,
    /// An administrator made it.
    Administered,
    /// An administrator enrolled it as a resource server.
    ResourceServer,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, &query.page)?;
    let origin = query.origin.map_or("", |origin| match origin {
        Origin::Dynamic => "dynamic",
        Origin::Administered => "administered",
        Origin::ResourceServer => "resource_server",
    });
    let mut reader = call.app.store.read();
    let rows = store::client::list_page(&mut reader, origin, &asked.after, asked.rows(), call.now).await?;
    Ok(Reply::shows(&asked.page(rows, |client| client.id.clone(), ClientView::from)))
}

/// How something is signed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(super) enum Algorithm {
    /// ECDSA over P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

impl From<Algorithm> for TokenAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::Es256,
            Algorithm::Rs256 => Self::Rs256,
        }
    }
}

/// A new client.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Creation {
    /// What people call it.
    client_name: String,
    /// The grants it may use: authorization_code, refresh_token, client_credentials.
    #[schemars(length(min = 1))]
    grant_types: Vec<String>,
    /// The scopes it may ask for, separated by spaces.
    #[serde(default)]
    scope: String,
    /// The resources it may ask for; none means any, which client_credentials may not.
    #[serde(default)]
    resources: Vec<String>,
    /// Where codes may be sent.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// Where a browser may be sent after signing out.
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    /// How its ID tokens are signed; without it as the server's setting says.
    id_token_signed_response_alg: Option<Algorithm>,
    /// It cannot keep a secret, as a program on people's machines: no secret is made.
    #[serde(default)]
    public: bool,
}

async fn create(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Creation = call.body(schema::of::<Creation>)?;
    if body.grant_types.is_empty() {
        return Err(Refusal::invalid("Name at least one grant.").about("grant_types"));
    }
    let new = NewClient {
        name: &body.client_name,
        grants: &body.grant_types,
        scope: &body.scope,
        resources: &body.resources,
        redirect_uris: &body.redirect_uris,
        post_logout_redirect_uris: &body.post_logout_redirect_uris,
        id_token_algorithm: body.id_token_signed_response_alg.map(Into::into),
        is_public: body.public,
    };
    let app = call.app;
    let added = add_client(&app.store, installation(call), &*app.random, call.actor, &new, call.now).await;
    let (client, secret) = added?;
    let id = client.id.clone();
    Ok(Reply::made(&NewSecretView::of(client, secret.as_ref()), NAME, &id))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows_version(&ClientView::from(find(call).await?)))
}

/// What becomes different; what is absent stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Alteration {
    /// What people call it.
    client_name: Option<String>,
    /// The grants it may use.
    #[schemars(length(min = 1))]
    grant_types: Option<Vec<String>>,
    /// The scopes it may ask for, separated by spaces.
    scope: Option<String>,
    /// The resources it may ask for; none means any.
    resources: Option<Vec<String>>,
    /// Where codes may be sent.
    redirect_uris: Option<Vec<String>>,
    /// Where a browser may be sent after signing out.
    post_logout_redirect_uris: Option<Vec<String>>,
    /// How its ID tokens are signed.
    id_token_signed_response_alg: Option<Algorithm>,
    /// For how long a refresh token that was just used still answers with its successor.
    #[schemars(range(min = 0, max = REFRESH_GRACE_MAX_SECONDS))]
    refresh_grace_seconds: Option<i64>,
}

async fn change(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Alteration = call.body(schema::of::<Alteration>)?;
    if body.grant_types.as_ref().is_some_and(Vec::is_empty) {
        return Err(Refusal::invalid("Name at least one grant.").about("grant_types"));
    }
    let seen = find(call).await?;
    call.check_version(&ClientView::from(seen.clone()))?;
    let change = ClientChange {
        name: body.client_name,
        grants: body.grant_types,
        scope: body.scope,
        resources: body.resources,
        redirect_uris: body.redirect_uris,
        post_logout_redirect_uris: body.post_logout_redirect_uris,
        id_token_algorithm: body.id_token_signed_response_alg.map(Into::into),
        refresh_grace_seconds: body.refresh_grace_seconds,
    };
    let app = call.app;
    let changed =
        change_client(&app.store, installation(call), &*app.random, call.actor, &seen, &change, call.now).await;
    match changed.map_err(Change::from) {
        Ok(client) => Ok(Reply::shows_version(&ClientView::from(client))),
        Err(cause) => Err(cause.tell(call)),
    }
}

/// How the secret is replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replacement {
    /// For how long the old secret counts beside the new one; a day if nothing is said.
    #[schemars(range(min = 0, max = 2_592_000))]
    overlap_seconds: Option<u32>,
}

async fn new_secret(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Replacement = call.body(schema::of::<Replacement>)?;
    let client = find(call).await?;
    let overlap = body.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    let (store, random) = (&call.app.store, &*call.app.random);
    let rotated = rotate_secret(store, random, call.actor, &client.id, overlap, call.now).await;
    let secret = rotated.map_err(|cause| match cause {
        RotateSecretRefusal::NoClient(_) => Refusal::not_found(),
        RotateSecretRefusal::SelfRegistered(_) => Refusal::conflict("A client that registered itself cannot be told."),
        RotateSecretRefusal::NoSecret(_) => Refusal::conflict("This client authenticates without a secret."),
        RotateSecretRefusal::Overlap => {
            Refusal::invalid("The old secret may go on for at most 30 days.").about("overlap_seconds")
        }
        RotateSecretRefusal::Store(cause) => cause.into(),
    })?;
    Ok(Reply::shows(&NewSecretView::replaced(client, &secret, call.now + i64::from(overlap))))
}

async fn delete(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = call.path("id");
    if store::client::find(&mut call.app.store.read(), id).await?.is_none() {
        return Err(Refusal::not_found());
    }
    remove_client(&call.app.store, &*call.app.random, call.actor, id, call.now).await?;
    Ok(Reply::nothing())
}

/// A client that exists: not removed, and confirmed or still young.
async fn find(call: &Call<'_>) -> Result<Client, Refusal> {
    let client = store::client::find(&mut call.app.store.read(), call.path("id")).await?;
    client.filter(|client| client.is_alive(call.now)).ok_or_else(Refusal::not_found)
}

fn installation<'a>(call: &Call<'a>) -> Installation<'a> {
    let redirect_schemes = &call.app.settings.auth_server.redirect_schemes;
    Installation { issuer: &call.app.issuer, redirect_schemes }
}
