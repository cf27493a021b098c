//! The store's contract: the same promises on a SQLite file, on SQLite in memory and on PostgreSQL.
//!
//! `for_each_database!` makes three tests of one function. What only one database can do has a module of its own.

mod announcements;
mod cancellation;
mod database;
mod faults;
mod isolation;
mod limits;
mod migrations;
mod postgres_outages;
mod race;
mod sendable;
mod sqlite_file;
mod values;

/// Three tests of each function: `async fn(&Store)`, on a database of its own.
macro_rules! for_each_database {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite_file { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::store::database::Database::sqlite_file().await;
                super::$name(database.store()).await;
            }
        )* }
        mod on_sqlite_memory { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::store::database::Database::sqlite_memory().await;
                super::$name(database.store()).await;
            }
        )* }
        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::store::database::Database::postgres().await;
                super::$name(database.store()).await;
            }
        )* }
    };
}
use for_each_database;
