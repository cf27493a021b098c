//! Table `resource_server`: clients with origins under which they may register resources.

use super::json_list;
use shared::{
    binds,
    db::{Fetch, Statement, StoreError, Tx},
};

const FIND: Statement =
    Statement::new("resource_server.find", "SELECT origins FROM resource_server WHERE client_id = $1");
const PUT: Statement = Statement::new(
    "resource_server.put",
    "INSERT INTO resource_server (client_id, origins) VALUES ($1, $2) \
     ON CONFLICT (client_id) DO UPDATE SET origins = excluded.origins",
);

/// The origins of a resource server; `None` if the client is none.
pub async fn find_origins(db: &mut impl Fetch, client_id: &str) -> Result<Option<Vec<String>>, StoreError> {
    db.fetch_optional(&FIND, binds![client_id]).await?.map(|row| json_list::read(&row, "origins")).transpose()
}

/// Makes the client a resource server of these origins, in place of what it was.
pub async fn put(tx: &mut Tx, client_id: &str, origins: &[String]) -> Result<(), StoreError> {
    tx.execute(&PUT, binds![client_id, json_list::write(origins)]).await.map(drop)
}
