//! `organization add`, `list`, `show`, `disable`, `enable`, and `organization member add`, `role`, `remove`, `list`.

use super::{CommandError, Format, manager::Manager, organization_member, output::Columns, user};
use crate::{
    audit::Actor,
    organizations::{
        NewOrganization, Organization, OrganizationRole, add_organization, disable_organization, enable_organization,
    },
    store,
};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use shared::clock::UnixSeconds;
use std::io::Write;

pub use super::organization_member::MemberCommand;

/// What can be done with organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Make an organization and its first owner.
    #[command(
        after_help = "Example:\n  postern organization add acme --name \"Acme Inc.\" --owner ada@example.com\n  postern organization add acme --name Acme --owner ada@example.com --tenant 9f0c1e1a"
    )]
    Add(AddArguments),
    /// List all organizations.
    #[command(after_help = "Example:\n  postern organization list --json")]
    List(Format),
    /// Show one organization and who belongs to it.
    #[command(after_help = "Example:\n  postern organization show acme")]
    Show(OneArguments),
    /// Close an organization: everything anybody allowed for it ends at once.
    #[command(after_help = "Example:\n  postern organization disable acme")]
    Disable(OneArguments),
    /// Open a closed organization again. What had ended stays ended.
    #[command(after_help = "Example:\n  postern organization enable acme")]
    Enable(OneArguments),
    /// Who belongs to an organization, and as what.
    #[command(subcommand, after_help = "Example:\n  postern organization member list acme")]
    Member(MemberCommand),
}

/// A new organization.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// Its name in commands and paths: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Its name, for people.
    #[arg(long)]
    pub name: String,
    /// The account that answers for it.
    #[arg(long, value_name = "EMAIL")]
    pub owner: String,
    /// What the systems behind the resources know it by (`tenant_id` of tokens); its own id unless said otherwise.
    #[arg(long, value_name = "TENANT_ID")]
    pub tenant: Option<String>,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// An existing organization.
#[derive(Debug, Args)]
pub struct OneArguments {
    /// Its slug.
    pub slug: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// The roles, as arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MemberRole {
    /// Belongs to it.
    Member,
    /// Manages its members and settings.
    Admin,
    /// Answers for it.
    Owner,
}

impl From<MemberRole> for OrganizationRole {
    fn from(role: MemberRole) -> Self {
        match role {
            MemberRole::Member => Self::Member,
            MemberRole::Admin => Self::Admin,
            MemberRole::Owner => Self::Owner,
        }
    }
}

#[derive(Serialize)]
struct Line {
    id: String,
    slug: String,
    name: String,
    tenant_id: String,
    created_at: UnixSeconds,
    disabled: bool,
}

impl From<Organization> for Line {
    fn from(organization: Organization) -> Self {
        Self {
            disabled: organization.disabled_at.is_some(),
            id: organization.id,
            slug: organization.slug,
            name: organization.name,
            tenant_id: organization.tenant_id,
            created_at: organization.created_at,
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] = &["SLUG", "NAME", "STATE", "TENANT", "ID"];

    fn columns(&self) -> Vec<String> {
        let state = if self.disabled { "disabled" } else { "active" };
        vec![self.slug.clone(), self.name.clone(), state.to_owned(), self.tenant_id.clone(), self.id.clone()]
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    organization: Line,
    members: Vec<organization_member::Line>,
}

pub(super) async fn execute(
    command: OrganizationCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let (store, random, by, now) = (&manager.store, manager.random.as_ref(), &Actor::CommandLine, manager.now);
    match command {
        OrganizationCommand::Add(arguments) => add(&arguments, manager, output).await,
        OrganizationCommand::List(format) => {
            let organizations = store::organization::list(&mut store.read()).await?;
            format.list(&organizations.into_iter().map(Line::from).collect::<Vec<_>>(), output)
        }
        OrganizationCommand::Show(arguments) => show(&arguments, manager, output).await,
        OrganizationCommand::Disable(arguments) => {
            let organization = find(&arguments.slug, manager).await?;
            disable_organization(store, random, by, &organization.id, now).await?;
            let line = Line { disabled: true, ..organization.into() };
            let text = format!("{} is disabled; everything allowed for it has ended", line.slug);
            arguments.format.one(&line, &text, output)
        }
        OrganizationCommand::Enable(arguments) => {
            let organization = find(&arguments.slug, manager).await?;
            enable_organization(store, random, by, &organization.id, now).await?;
            let line = Line { disabled: false, ..organization.into() };
            arguments.format.one(&line, &format!("{} is open again", line.slug), output)
        }
        OrganizationCommand::Member(command) => organization_member::execute(command, manager, output).await,
    }
}

async fn add(arguments: &AddArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let owner = user::find(&arguments.owner, manager).await?;
    let new = NewOrganization {
        slug: &arguments.slug,
        name: &arguments.name,
        tenant_id: arguments.tenant.as_deref(),
        owner_id: &owner.id,
    };
    let random = manager.random.as_ref();
    let made = add_organization(&manager.store, random, &Actor::CommandLine, &new, manager.now).await?;
    let line = Line::from(made);
    let text = format!("{} is made ({}); {} owns it", line.slug, line.id, owner.email.as_str());
    arguments.format.one(&line, &text, output)
}

async fn show(arguments: &OneArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let organization = find(&arguments.slug, manager).await?;
    let members = organization_member::list(&organization.id, manager).await?;
    let shown = Shown { organization: organization.into(), members };
    if arguments.format.json {
        return arguments.format.one(&shown, "", output);
    }
    arguments.format.list(std::slice::from_ref(&shown.organization), output)?;
    writeln!(output)?;
    arguments.format.list(&shown.members, output)
}

/// The organization of that slug.
pub(super) async fn find(slug: &str, manager: &Manager) -> Result<Organization, CommandError> {
    let organization = store::organization::find_by_slug(&mut manager.store.read(), slug).await?;
    organization.ok_or_else(|| CommandError::refused(format!("there is no organization {slug}")))
}
