//! `resource list`.

use super::{CommandError, Format, manager::Manager, output::Columns};
use crate::{resources::Resource, store};
use clap::Subcommand;
use serde::Serialize;
use std::io::Write;

/// What can be done with resources.
#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// List what resource servers registered.
    #[command(after_help = "Example:\n  postern resource list")]
    List(Format),
}

#[derive(Serialize)]
struct Line {
    resource: String,
    name: String,
    scopes: Vec<String>,
    registered_by: String,
}

impl From<Resource> for Line {
    fn from(resource: Resource) -> Self {
        Self {
            scopes: resource.scopes.iter().map(|scope| scope.name.clone()).collect(),
            resource: resource.id,
            name: resource.name,
            registered_by: resource.owner_client_id,
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] = &["RESOURCE", "NAME", "SCOPES", "REGISTERED BY"];

    fn columns(&self) -> Vec<String> {
        vec![self.resource.clone(), self.name.clone(), self.scopes.join(" "), self.registered_by.clone()]
    }
}

pub(super) async fn execute(
    command: ResourceCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let ResourceCommand::List(format) = command;
    let resources = store::resource::list(&mut manager.store.read()).await?;
    format.list(&resources.into_iter().map(Line::from).collect::<Vec<_>>(), output)
}
