//! `resource-server add`.

use super::{CommandError, Format, manager::Manager};
use crate::{
    administration::views::ResourceServerView,
    audit::Actor,
    clients::registration::CLIENT_ID_PREFIX,
    resources::enrol_resource_server::{Enrolment, enrol_resource_server},
    store,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{
    protocol::{jwk::JwkSet, jwt::AssertionSigner},
    random::random_id,
    secret::Secret,
};
use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// What can be done with resource servers. They are listed and removed as the clients they are.
#[derive(Debug, Subcommand)]
pub enum ResourceServerCommand {
    /// Enrol a resource server: make its client, and its key in a file.
    #[command(
        after_help = "Example:\n  postern resource-server add mcp --origin https://mcp.example.com --key-file resource-server.key"
    )]
    Add(AddArguments),
}

/// A new resource server.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// What people call it.
    pub name: String,
    /// An origin under which it may register resources; may be repeated.
    #[arg(long = "origin", value_name = "URL", required = true)]
    pub origins: Vec<String>,
    /// Where its private key is written; the file must not exist.
    #[arg(long, value_name = "FILE", default_value = "resource-server.key")]
    pub key_file: PathBuf,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

#[derive(Serialize)]
struct Added<'a> {
    #[serde(flatten)]
    view: ResourceServerView,
    key_file: &'a Path,
}

pub(super) async fn execute(
    command: ResourceServerCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let ResourceServerCommand::Add(arguments) = command;
    let client_id = format!("{CLIENT_ID_PREFIX}{}", random_id(manager.random.as_ref()));
    let unusable = |error: &dyn std::fmt::Display| CommandError::refused(format!("the key could not be made: {error}"));
    let signer = AssertionSigner::generate(manager.random.as_ref()).map_err(|error| unusable(&error))?;
    let jwks = JwkSet::new(vec![signer.public_jwk().clone()]).map_err(|error| unusable(&error))?;
    write_key(&arguments.key_file, &signer.to_pkcs8_pem().map_err(|error| unusable(&error))?)?;
    let enrolment =
        Enrolment { client_id: &client_id, name: &arguments.name, origins: &arguments.origins, jwks: &jwks };
    let random = manager.random.as_ref();
    if let Err(error) =
        enrol_resource_server(&manager.store, manager.issuer(), &enrolment, random, &Actor::CommandLine, manager.now)
            .await
    {
        // A key that nobody knows would only be in the way of the next try.
        let _ = std::fs::remove_file(&arguments.key_file);
        return Err(error.into());
    }
    let client = store::client::find(&mut manager.store.read(), &client_id).await?;
    let client = client.ok_or_else(|| CommandError::not_found("the resource server was removed meanwhile"))?;
    let added =
        Added { view: ResourceServerView::of(client, arguments.origins.clone()), key_file: &arguments.key_file };
    let text = format!(
        "{} may register resources under {}.\nGive the resource server:\n  client_id = \"{client_id}\"\n  private_key_file = \"{}\"",
        arguments.name,
        arguments.origins.join(" and "),
        arguments.key_file.display()
    );
    arguments.format.one(&added, &text, output)
}

/// Readable by its owner alone, and never over another file.
fn write_key(path: &Path, pem: &Secret) -> Result<(), CommandError> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| file.write_all(pem.expose().as_bytes()));
    written
        .map_err(|error| CommandError::refused(format!("the key file {} cannot be written: {error}", path.display())))
}
