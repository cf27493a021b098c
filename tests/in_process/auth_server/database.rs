//! A migrated, empty database of each kind for a server in process.

use auth_server::app::SCHEMA;
use shared::db::{DatabaseUrl, PoolLimits, Store};
use system_tests::postgres::{self, TestDatabase};

/// A database that goes when this value is dropped.
pub struct Database {
    store: Store,
    _postgres: Option<TestDatabase>,
}

impl Database {
    pub async fn sqlite_memory() -> Self {
        let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
        Self { store: open(&url).await, _postgres: None }
    }

    pub async fn postgres() -> Self {
        let database = postgres::migrated(&[&SCHEMA]).await.expect("PostgreSQL");
        let url = database.database_url().expect("a URL");
        Self { store: open(&url).await, _postgres: Some(database) }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }
}

async fn open(url: &DatabaseUrl) -> Store {
    Store::open(url, &SCHEMA, PoolLimits::default()).await.expect("a database")
}

/// Two tests of each function: `async fn(&Store)`, on a database of its own.
macro_rules! for_each_database {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite_memory { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::auth_server::database::Database::sqlite_memory().await;
                super::$name(database.store()).await;
            }
        )* }
        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::auth_server::database::Database::postgres().await;
                super::$name(database.store()).await;
            }
        )* }
    };
}
pub(crate) use for_each_database;
