//! `organization member add`, `role`, `remove`, `list`.

use super::{
    CommandError, Format,
    manager::Manager,
    organization::{self, MemberRole},
    output::Columns,
    user,
};
use crate::{
    audit::Actor,
    organizations::{Member, OrganizationRole, add_member, change_role, remove_member},
    store,
};
use clap::{Args, Subcommand};
use serde::Serialize;
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

/// A member of a list.
#[derive(Serialize)]
pub(super) struct Line {
    user_id: String,
    email: String,
    display_name: String,
    role: OrganizationRole,
    disabled: bool,
}

impl From<Member> for Line {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id,
            email: member.email.as_str().to_owned(),
            display_name: member.display_name,
            role: member.role,
            disabled: member.disabled_at.is_some(),
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] = &["EMAIL", "NAME", "ROLE", "STATE", "ID"];

    fn columns(&self) -> Vec<String> {
        let state = if self.disabled { "disabled" } else { "active" };
        vec![
            self.email.clone(),
            self.display_name.clone(),
            self.role.as_str().to_owned(),
            state.to_owned(),
            self.user_id.clone(),
        ]
    }
}

#[derive(Serialize)]
struct Changed<'a> {
    organization: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<OrganizationRole>,
}

pub(super) async fn execute(
    command: MemberCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let (store, random, by, now) = (&manager.store, manager.random.as_ref(), &Actor::CommandLine, manager.now);
    match command {
        MemberCommand::Add(AddArguments { slug, email, role, format }) => {
            let (organization_id, user_id, role) =
                (id(&slug, manager).await?, user_id(&email, manager).await?, role.into());
            add_member(store, random, by, &organization_id, &user_id, role, now).await?;
            let changed = Changed { organization: &slug, email: &email, role: Some(role) };
            format.one(&changed, &format!("{email} belongs to {slug} ({})", role.as_str()), output)
        }
        MemberCommand::Role(RoleArguments { slug, email, role, format }) => {
            let (organization_id, user_id, role) =
                (id(&slug, manager).await?, user_id(&email, manager).await?, role.into());
            change_role(store, random, by, &organization_id, &user_id, role, now).await?;
            let changed = Changed { organization: &slug, email: &email, role: Some(role) };
            format.one(&changed, &format!("{email} is {} of {slug}", role.as_str()), output)
        }
        MemberCommand::Remove(OneArguments { slug, email, format }) => {
            let (organization_id, user_id) = (id(&slug, manager).await?, user_id(&email, manager).await?);
            remove_member(store, random, by, &organization_id, &user_id, now).await?;
            let changed = Changed { organization: &slug, email: &email, role: None };
            let text = format!("{email} does not belong to {slug} any more; everything it allowed for it has ended");
            format.one(&changed, &text, output)
        }
        MemberCommand::List(organization::OneArguments { slug, format }) => {
            format.list(&list(&id(&slug, manager).await?, manager).await?, output)
        }
    }
}

/// Who belongs to the organization with this id.
pub(super) async fn list(organization_id: &str, manager: &Manager) -> Result<Vec<Line>, CommandError> {
    let members = store::organization_member::list(&mut manager.store.read(), organization_id).await?;
    Ok(members.into_iter().map(Line::from).collect())
}

async fn id(slug: &str, manager: &Manager) -> Result<String, CommandError> {
    Ok(organization::find(slug, manager).await?.id)
}

async fn user_id(email: &str, manager: &Manager) -> Result<String, CommandError> {
    Ok(user::find(email, manager).await?.id)
}
