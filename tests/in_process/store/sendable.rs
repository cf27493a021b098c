//! The shapes in which the servers use the store compile, and their futures are `Send` inside axum handlers.

use axum::{Router, extract::State, routing::get};
use shared::{
    binds,
    db::{Fetch, Statement, Store, StoreError, Tx},
};

const FIND: Statement = Statement::new("token.find", "select family from token where hash = $1");
const CONSUME: Statement =
    Statement::new("token.consume", "update token set consumed_at = $2 where hash = $1 and consumed_at is null");

enum Refusal {
    Unknown,
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

struct Request {
    token: Vec<u8>,
}

async fn family(db: &mut impl Fetch, hash: &[u8]) -> Result<Option<String>, StoreError> {
    db.fetch_optional(&FIND, binds![hash]).await?.map(|row| row.get("family")).transpose()
}

async fn families(db: &mut impl Fetch, hashes: &[Vec<u8>]) -> Result<Vec<String>, StoreError> {
    let mut families = Vec::new();
    for hash in hashes {
        families.extend(family(db, hash).await?);
        for row in db.fetch_all(&FIND, binds![hash]).await? {
            families.push(row.get("family")?);
        }
    }
    Ok(families)
}

async fn consume(tx: &mut Tx, hash: &[u8], now: i64) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONSUME, binds![hash, now]).await? == 1)
}

async fn redeem(store: &Store, request: &Request, now: i64) -> Result<String, Refusal> {
    let known = families(&mut store.read(), std::slice::from_ref(&request.token)).await?;
    if known.is_empty() {
        return Err(Refusal::Unknown);
    }
    store
        .write(|mut tx| async move {
            let Some(family) = family(&mut tx, &request.token).await? else { return Err(Refusal::Unknown) };
            let others = families(&mut tx, std::slice::from_ref(&request.token)).await?;
            if !consume(&mut tx, &request.token, now).await? {
                return Err(Refusal::Unknown);
            }
            Ok(format!("{family}{}", others.len()))
        })
        .await
}

async fn handler(State(store): State<Store>) -> String {
    let request = Request { token: vec![1] };
    let inside = {
        let (store, request) = (store.clone(), Request { token: vec![2] });
        tokio::spawn(async move { redeem(&store, &request, 5).await })
    };
    match (redeem(&store, &request, 5).await, inside.await) {
        (Ok(family), Ok(Ok(other))) => format!("{family} {other}"),
        (Err(Refusal::Store(error)), _) | (_, Ok(Err(Refusal::Store(error)))) => error.to_string(),
        _ => "unknown".to_owned(),
    }
}

/// Compiling is the test.
#[test]
fn handlers_may_write() {
    let _: fn(Store) -> Router = |store| Router::new().route("/", get(handler)).with_state(store);
}
