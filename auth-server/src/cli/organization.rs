//! `organization add`, `list`, `show`, `rename`, `disable`, `enable`, and `organization member add`, `role`, `remove`, `list`.

use super::{CommandError, Format, manager::Manager, organization_member, output::Columns, times, user};
use crate::{
    administration::views::{MemberView, OrganizationView},
    audit::Actor,
    organizations::{
        NewOrganization, Organization, OrganizationRefusal, OrganizationRole, add_organization, disable_organization,
        enable_organization, rename_organization,
    },
    store,
};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
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
    /// Give an organization another name. Its slug stays.
    #[command(after_help = "Example:\n  postern organization rename acme --name \"Acme Holding\"")]
    Rename(RenameArguments),
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

/// Another name.
#[derive(Debug, Args)]
pub struct RenameArguments {
    /// The organization's slug.
    pub slug: String,
    /// Its name from now on, for people.
    #[arg(long)]
    pub name: String,
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

impl Columns for OrganizationView {
    const HEADINGS: &'static [&'static str] = &["SLUG", "NAME", "STATE", "TENANT", "MADE", "ID"];

    fn columns(&self) -> Vec<String> {
        let made = times::both(self.created_at);
        let texts = [&self.slug, &self.name, self.state, &self.tenant_id, &made, &self.id];
        texts.into_iter().map(str::to_owned).collect()
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    organization: OrganizationView,
    members: Vec<MemberView>,
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
            format.list(organizations.into_iter().map(OrganizationView::from).collect(), output)
        }
        OrganizationCommand::Show(arguments) => show(&arguments, manager, output).await,
        OrganizationCommand::Rename(RenameArguments { slug, name, format }) => {
            let seen = find(&slug, manager).await?;
            rename_organization(store, random, by, &seen, &name, now).await?;
            let view = OrganizationView::from(find(&slug, manager).await?);
            format.one(&view, &format!("{slug} is called {} now", view.name), output)
        }
        OrganizationCommand::Disable(arguments) => {
            let organization = find(&arguments.slug, manager).await?;
            match disable_organization(store, random, by, &organization.id, now).await {
                Ok(()) | Err(OrganizationRefusal::AlreadyDisabled) => {}
                Err(refusal) => return Err(refusal.into()),
            }
            let view = OrganizationView::from(find(&arguments.slug, manager).await?);
            let text = format!("{} is disabled; everything allowed for it has ended", view.slug);
            arguments.format.one(&view, &text, output)
        }
        OrganizationCommand::Enable(arguments) => {
            let organization = find(&arguments.slug, manager).await?;
            match enable_organization(store, random, by, &organization.id, now).await {
                Ok(()) | Err(OrganizationRefusal::NotDisabled) => {}
                Err(refusal) => return Err(refusal.into()),
            }
            let view = OrganizationView::from(find(&arguments.slug, manager).await?);
            arguments.format.one(&view, &format!("{} is open", view.slug), output)
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
    let view = OrganizationView::from(made);
    let text = format!("{} is made ({}); {} owns it", view.slug, view.id, owner.email.as_str());
    arguments.format.one(&view, &text, output)
}

async fn show(arguments: &OneArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let organization = find(&arguments.slug, manager).await?;
    let members = organization_member::list(&organization.id, manager).await?;
    let shown = Shown { organization: organization.into(), members };
    if arguments.format.json {
        return arguments.format.one(&shown, "", output);
    }
    Format::table(std::slice::from_ref(&shown.organization), output)?;
    writeln!(output)?;
    Format::table(&shown.members, output)
}

/// The organization of that slug.
pub(super) async fn find(slug: &str, manager: &Manager) -> Result<Organization, CommandError> {
    let organization = store::organization::find_by_slug(&mut manager.store.read(), slug).await?;
    organization.ok_or_else(|| CommandError::not_found(format!("there is no organization {slug}")))
}
