//! `organization member add`, `role`, `remove`, `list`.

use super::{
    CommandError, Format,
    manager::Manager,
    organization::{self, MemberRole},
    output::Columns,
    times, user,
};
use crate::{
    administration::views::MemberView,
    audit::Actor,
    organizations::{OrganizationRefusal, OrganizationRole, add_member, change_role, remove_member},
    store,
};
use clap::{Args, Subcommand};
use std::io::Write;

/// What can be done with the members of an organization.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Take an account into an organization.
    #[command(after_help = "Example:\n  postern organization member add acme grace@example.com --role admin")]
    Add(AddArguments),
    /// Give a member another role. Less than before counts at once, more from the next refresh on.
    #[command(after_help = "Example:\n  postern organization member role acme grace@example.com owner")]
    Role(RoleArguments),
    /// End a membership: everything the account allowed for the organization ends at once.
    #[command(after_help = "Example:\n  postern organization member remove acme grace@example.com")]
    Remove(OneArguments),
    /// List who belongs to an organization.
    #[command(after_help = "Example:\n  postern organization member list acme --json")]
    List(organization::OneArguments),
}

/// A new member.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// The organization's slug.
    pub slug: String,
    /// The e-mail address that names the account.
    pub email: String,
    /// What the account is in the organization.
    #[arg(long, value_enum, default_value_t = MemberRole::Member)]
    pub role: MemberRole,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// Another role.
#[derive(Debug, Args)]
pub struct RoleArguments {
    /// The organization's slug.
    pub slug: String,
    /// The e-mail address that names the account.
    pub email: String,
    /// What the account is in the organization from now on.
    #[arg(value_enum)]
    pub role: MemberRole,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// A member.
#[derive(Debug, Args)]
pub struct OneArguments {
    /// The organization's slug.
    pub slug: String,
    /// The e-mail address that names the account.
    pub email: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

impl Columns for MemberView {
    const HEADINGS: &'static [&'static str] = &["EMAIL", "NAME", "ROLE", "STATE", "SINCE", "ID"];

    fn columns(&self) -> Vec<String> {
        let since = times::both(self.created_at);
        let texts = [&self.email, &self.display_name, self.role, self.state, &since, &self.user_id];
        texts.into_iter().map(str::to_owned).collect()
    }
}

pub(super) async fn execute(
    command: MemberCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let (store, random, by, now) = (&manager.store, manager.random.as_ref(), &Actor::CommandLine, manager.now);
    match command {
        MemberCommand::Add(AddArguments { slug, email, role, format }) => {
            let (organization_id, user_id) = (id(&slug, manager).await?, user_id(&email, manager).await?);
            add_member(store, random, by, &organization_id, &user_id, OrganizationRole::from(role), now).await?;
            let member = view(&organization_id, &user_id, manager).await?;
            format.one(&member, &format!("{email} belongs to {slug} ({})", member.role), output)
        }
        MemberCommand::Role(RoleArguments { slug, email, role, format }) => {
            let (organization_id, user_id) = (id(&slug, manager).await?, user_id(&email, manager).await?);
            change_role(store, random, by, &organization_id, &user_id, OrganizationRole::from(role), now).await?;
            let member = view(&organization_id, &user_id, manager).await?;
            format.one(&member, &format!("{email} is {} of {slug}", member.role), output)
        }
        MemberCommand::Remove(OneArguments { slug, email, format }) => {
            let (organization_id, user_id) = (id(&slug, manager).await?, user_id(&email, manager).await?);
            match remove_member(store, random, by, &organization_id, &user_id, now).await {
                Ok(()) | Err(OrganizationRefusal::NotMember) => {}
                Err(refusal) => return Err(refusal.into()),
            }
            let text = format!("{email} does not belong to {slug} any more; everything it allowed for it has ended");
            format.done(&text, output)
        }
        MemberCommand::List(organization::OneArguments { slug, format }) => {
            format.list(list(&id(&slug, manager).await?, manager).await?, output)
        }
    }
}

/// Who belongs to the organization with this id.
pub(super) async fn list(organization_id: &str, manager: &Manager) -> Result<Vec<MemberView>, CommandError> {
    let members = store::organization_member::list(&mut manager.store.read(), organization_id).await?;
    Ok(members.into_iter().map(MemberView::from).collect())
}

/// A user who belongs to an organization, as shown.
async fn view(organization_id: &str, user_id: &str, manager: &Manager) -> Result<MemberView, CommandError> {
    let found = store::organization_member::find_member(&mut manager.store.read(), organization_id, user_id).await?;
    found.map(MemberView::from).ok_or_else(|| OrganizationRefusal::NotMember.into())
}

async fn id(slug: &str, manager: &Manager) -> Result<String, CommandError> {
    Ok(organization::find(slug, manager).await?.id)
}

async fn user_id(email: &str, manager: &Manager) -> Result<String, CommandError> {
    Ok(user::find(email, manager).await?.id)
}
