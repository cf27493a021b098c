//! `/api/admin/…`: one module a collection, the guard before all of them, the document and the commands that mirror them.

mod audit_log;
mod clients;
mod commands;
mod console;
mod document;
mod given;
mod grants;
mod guard;
mod json_schema;
mod keys;
mod organizations;
mod outages;
mod pages;
mod resource_servers;
mod resources;
mod sessions;
mod users;
