//! `user add`, `list`, `disable`, `enable`, `role`, `sign-out`, `erase`, `reset-password`.

use super::{
    CommandError, Format,
    manager::Manager,
    organization::{self, MemberRole},
    output::Columns,
    password, times,
};
use crate::{
    administration::views::{NewUserView, PasswordLinkView, UserView},
    audit::Actor,
    organizations::add_new_member,
    store::user_account::{self, UserFilter},
    users::{
        Email, NewUser, PasswordHasher, User, add_user, disable_user, disable_user::DisableUserRefusal, enable_user,
        erase_user, erase_user::EraseUserRefusal, invite_user, reset_password, set_administrator,
        set_administrator::SetAdministratorRefusal, sign_out_everywhere,
    },
};
use clap::{Args, Subcommand, ValueEnum};
use std::{io::Write, sync::Arc};

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account. Its password is asked for here, or with --link the person chooses it; --password-stdin reads it from standard input.
    #[command(
        after_help = "Example:\n  postern user add ada@example.com --link\n  postern user add ada@example.com --administrator\n  postern user add ada@example.com --organization acme --role admin\n  echo \"$PASSWORD\" | postern user add ada@example.com --password-stdin"
    )]
    Add(AddArguments),
    /// List all accounts.
    #[command(after_help = "Example:\n  postern user list --json")]
    List(Format),
    /// Close an account: everything it allowed ends at once.
    #[command(after_help = "Example:\n  postern user disable ada@example.com")]
    Disable(AccountArguments),
    /// Open a closed account again. What had ended stays ended.
    #[command(after_help = "Example:\n  postern user enable ada@example.com")]
    Enable(AccountArguments),
    /// Say whether an account administers this installation. Less than before counts at once.
    #[command(after_help = "Example:\n  postern user role ada@example.com --administrator off")]
    Role(RoleArguments),
    /// End every session of a user, in every browser.
    #[command(after_help = "Example:\n  postern user sign-out ada@example.com")]
    SignOut(AccountArguments),
    /// Erase a person: everything they allowed ends, and what the database and the audit log keep of them are pseudonyms.
    #[command(after_help = "Example:\n  postern user erase ada@example.com --yes")]
    Erase(EraseArguments),
    /// Print a link through which the user chooses a new password; it works once.
    #[command(after_help = "Example:\n  postern user reset-password ada@example.com")]
    ResetPassword(AccountArguments),
}

/// A new account.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// The e-mail address that names the account.
    pub email: String,
    /// What pages call the person.
    #[arg(long, default_value = "")]
    pub name: String,
    /// The user administers this installation.
    #[arg(long)]
    pub administrator: bool,
    /// The organization that the user belongs to.
    #[arg(long, value_name = "SLUG")]
    pub organization: Option<String>,
    /// What the user is in that organization.
    #[arg(long, value_enum, default_value_t = MemberRole::Member, requires = "organization")]
    pub role: MemberRole,
    /// Read the password from standard input.
    #[arg(long)]
    pub password_stdin: bool,
    /// Print a link through which the person chooses the password; it works once. For an organization, add the account to it afterwards.
    #[arg(long, conflicts_with_all = ["password_stdin", "organization"])]
    pub link: bool,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// What an account may do in this installation.
#[derive(Debug, Args)]
pub struct RoleArguments {
    /// The e-mail address that names the account.
    pub email: String,
    /// Whether the user administers this installation.
    #[arg(long, value_enum, value_name = "ON|OFF")]
    pub administrator: Switch,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// An existing account.
#[derive(Debug, Args)]
pub struct AccountArguments {
    /// The e-mail address that names the account.
    pub email: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// Who is erased.
#[derive(Debug, Args)]
pub struct EraseArguments {
    /// The e-mail address that names the account.
    pub email: String,
    /// Yes, for good: nothing brings the account back.
    #[arg(long)]
    pub yes: bool,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

impl Columns for UserView {
    const HEADINGS: &'static [&'static str] = &["EMAIL", "NAME", "ROLES", "STATE", "MADE", "ID"];

    fn columns(&self) -> Vec<String> {
        let made = times::both(self.created_at);
        let texts = [&self.email, &self.display_name, &self.roles.join(" "), self.state, &made, &self.id];
        texts.into_iter().map(str::to_owned).collect()
    }
}

pub(super) async fn execute(
    command: UserCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        UserCommand::Add(arguments) => add(&arguments, manager, output).await,
        UserCommand::List(format) => {
            let users = user_account::list_page(&mut manager.store.read(), UserFilter::default(), "", i64::MAX).await?;
            format.list(users.into_iter().map(UserView::from).collect(), output)
        }
        UserCommand::Disable(arguments) => disable(&arguments, manager, output).await,
        UserCommand::Enable(arguments) => {
            let user = find(&arguments.email, manager).await?;
            enable_user(&manager.store, manager.random.as_ref(), &Actor::CommandLine, &user.id, manager.now).await?;
            let view = view(&user.id, manager).await?;
            arguments.format.one(&view, &format!("{} can sign in", view.email), output)
        }
        UserCommand::Role(arguments) => change_role(&arguments, manager, output).await,
        UserCommand::SignOut(arguments) => sign_out(&arguments, manager, output).await,
        UserCommand::Erase(arguments) => erase(&arguments, manager, output).await,
        UserCommand::ResetPassword(arguments) => reset(&arguments, manager, output).await,
    }
}

async fn disable(arguments: &AccountArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let user = find(&arguments.email, manager).await?;
    let random = manager.random.as_ref();
    match disable_user(&manager.store, random, &Actor::CommandLine, &user.id, manager.now).await {
        Ok(()) | Err(DisableUserRefusal::NotOpen) => {}
        Err(DisableUserRefusal::Store(cause)) => return Err(cause.into()),
        Err(refusal @ DisableUserRefusal::LastAdministrator) => return Err(CommandError::refused(refusal.to_string())),
    }
    let view = view(&user.id, manager).await?;
    arguments.format.one(&view, &format!("{} is disabled; everything it allowed has ended", view.email), output)
}

async fn change_role(arguments: &RoleArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let user = find(&arguments.email, manager).await?;
    let (random, wanted) = (manager.random.as_ref(), arguments.administrator == Switch::On);
    set_administrator(&manager.store, random, &Actor::CommandLine, &user.id, wanted, manager.now).await.map_err(
        |cause| match cause {
            SetAdministratorRefusal::Store(cause) => cause.into(),
            SetAdministratorRefusal::UnknownUser | SetAdministratorRefusal::LastAdministrator => {
                CommandError::refused(cause.to_string())
            }
        },
    )?;
    let view = view(&user.id, manager).await?;
    let does = if wanted { "administers" } else { "does not administer" };
    arguments.format.one(&view, &format!("{} {does} this installation", view.email), output)
}

async fn add(arguments: &AddArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let organization = match &arguments.organization {
        Some(slug) => Some(organization::find(slug, manager).await?),
        None => None,
    };
    let password = if arguments.link { None } else { Some(password::read(arguments.password_stdin)?) };
    let passwords = PasswordHasher::new(Arc::clone(&manager.random))?;
    let new = NewUser {
        email: &arguments.email,
        display_name: &arguments.name,
        password: password.as_ref(),
        is_administrator: arguments.administrator,
    };
    let (store, random, by) = (&manager.store, manager.random.as_ref(), &Actor::CommandLine);
    if arguments.link {
        let (user, token) = invite_user(store, &passwords, random, by, &new, manager.now).await?;
        let link = PasswordLinkView::of(manager.issuer(), &token);
        let made = NewUserView { user: view(&user.id, manager).await?, link };
        return arguments.format.one(&made, &link_text(&arguments.email, &made.link), output);
    }
    let user = match &organization {
        None => add_user(store, &passwords, random, by, &new, manager.now).await?,
        Some(organization) => {
            let membership = (organization.id.as_str(), arguments.role.into());
            add_new_member(store, &passwords, random, by, &new, membership, manager.now).await?
        }
    };
    let view = view(&user.id, manager).await?;
    arguments.format.one(&view, &format!("{} can sign in ({})", view.email, view.roles.join(" ")), output)
}

async fn sign_out(arguments: &AccountArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let user = find(&arguments.email, manager).await?;
    let (random, by) = (manager.random.as_ref(), &Actor::CommandLine);
    let sessions_ended = sign_out_everywhere(&manager.store, random, by, &user.id, manager.now).await?;
    let text = format!("{} is signed out; sessions that ended: {sessions_ended}", arguments.email);
    arguments.format.done(&text, output)
}

async fn erase(arguments: &EraseArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let user = find(&arguments.email, manager).await?;
    if !arguments.yes {
        let what = format!("this erases {} for good, and nothing brings it back", arguments.email);
        return Err(CommandError::refused(format!("{what}; add --yes if that is meant")));
    }
    let key = manager.audit_key().await?;
    let (random, by) = (manager.random.as_ref(), &Actor::CommandLine);
    match erase_user(&manager.store, &key, random, by, &user.id, manager.now).await {
        Ok(()) => {}
        Err(EraseUserRefusal::Store(cause)) => return Err(cause.into()),
        Err(refusal) => return Err(CommandError::refused(refusal.to_string())),
    }
    let text = format!("{} is erased; backups and logs of other programs are yours to see to", arguments.email);
    arguments.format.done(&text, output)
}

async fn reset(arguments: &AccountArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let user = find(&arguments.email, manager).await?;
    let token =
        reset_password::fresh_link(&manager.store, manager.random.as_ref(), &Actor::CommandLine, &user.id, manager.now)
            .await?;
    let token = token.ok_or_else(|| CommandError::refused(format!("{} is disabled", arguments.email)))?;
    let link = PasswordLinkView::of(manager.issuer(), &token);
    arguments.format.one(&link, &link_text(&arguments.email, &link), output)
}

fn link_text(email: &str, link: &PasswordLinkView) -> String {
    let minutes = link.expires_in_seconds / 60;
    format!("Give this link to {email}; it works once, for {minutes} minutes:\n{}", link.password_link)
}

/// The user with this id, who exists, as shown.
async fn view(id: &str, manager: &Manager) -> Result<UserView, CommandError> {
    let record = user_account::find_record(&mut manager.store.read(), id).await?;
    record.map(UserView::from).ok_or_else(|| CommandError::not_found("the account was removed meanwhile"))
}

/// The user of that address.
pub(super) async fn find(email: &str, manager: &Manager) -> Result<User, CommandError> {
    let address = Email::parse(email).map_err(|_| CommandError::refused(format!("{email:?} is no e-mail address")))?;
    let account = user_account::find_by_email(&mut manager.store.read(), &address).await?;
    let user = account.map(|account| account.user);
    user.ok_or_else(|| CommandError::not_found(format!("there is no account {email}")))
}
