//! `keys list`, `rotate`, `revoke`, and the key-encryption key.

use super::{
    CommandError, Format,
    manager::Manager,
    output::Columns,
    times::{both, rfc3339},
};
use crate::{
    administration::{
        page::Page,
        views::{KeyView, RevokedKeyView, RotatedKeyView},
    },
    audit::Actor,
    key_lifecycle::{
        KeyAct, Pace, ResealedColumn, Rotation, load_key_encryption_keys, replace_key_encryption_key,
        revoke_signing_key, rotate_signing_key,
    },
    store::{signing_key, successor_key},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{protocol::token_algorithm::TokenAlgorithm, sealing::KeyEncryptionKeys, sealing::Sealing};
use std::io::Write;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys that sign tokens, or did or will, and those that derive refresh tokens.
    #[command(after_help = "Example:\n  postern keys list --json")]
    List(Format),
    /// Replace the keys that sign, before their time. No valid token is refused.
    ///
    /// The next key is published at once and signs six minutes later, when no cache of the key set can be without it. The key that signed
    /// until then stays published until everything it signed has ended. Servers do all of this by themselves every
    /// auth_server.key_rotation_period.
    #[command(after_help = "Examples:\n  postern keys rotate\n  postern keys rotate --algorithm ES256 --now")]
    Rotate(RotateArguments),
    /// Revoke a key that may have been stolen: whatever it signed ends at once.
    ///
    /// It leaves the key set within a second, another key signs in its place, resource servers hear of it and forget the tokens they
    /// remembered. Clients hear 401 once and get new tokens by themselves; nobody has to sign in again.
    #[command(after_help = "Example:\n  postern keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    Revoke(RevokeArguments),
    /// Print a new key-encryption key, to be added to those in use.
    #[command(after_help = "Example:\n  postern keys make-key-encryption-key >> data/key-encryption-key")]
    MakeKeyEncryptionKey,
    /// Seal everything anew under the current key-encryption key, the first of those given. Afterwards the older ones can go.
    ///
    /// Servers may run meanwhile, if each of them knows both keys. A run that was interrupted is simply run again.
    #[command(after_help = "Example:\n  postern keys replace-key-encryption-key")]
    ReplaceKeyEncryptionKey(Format),
}

/// Which keys, and how soon.
#[derive(Debug, Args)]
pub struct RotateArguments {
    /// Let the next key sign after 40 seconds instead of six minutes, or at once if it has been published for so long. Resource servers that
    /// ask for the keys again when they meet an unknown one, as Postern's and the common libraries do, refuse no valid token; one
    /// that only asks every few minutes may, until it does.
    #[arg(long)]
    pub now: bool,
    /// Only the key of this algorithm: ES256 or RS256.
    #[arg(long, value_name = "ALGORITHM", value_parser = parse_algorithm)]
    pub algorithm: Option<TokenAlgorithm>,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// Which key.
#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// The id that `keys list` shows.
    #[arg(allow_hyphen_values = true)]
    pub kid: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

pub(super) fn parse_algorithm(text: &str) -> Result<TokenAlgorithm, String> {
    TokenAlgorithm::parse(text).ok_or_else(|| "write ES256 or RS256".to_owned())
}

/// A key of a list. What it is sealed under is for whoever has the files, and not told over HTTP.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    view: KeyView,
    key_encryption_key_id: String,
}

impl Columns for Shown {
    const HEADINGS: &'static [&'static str] = &["KID", "USE", "ALGORITHM", "STATE", "SINCE", "UNTIL", "SEALED UNDER"];

    fn columns(&self) -> Vec<String> {
        let key = &self.view;
        let since = key.retired_at.or(key.activated_at).unwrap_or(key.published_at);
        let until = key.activates_at.or(key.gone_at);
        vec![
            key.kid.clone(),
            key.used_for.to_owned(),
            key.algorithm.clone().unwrap_or_default(),
            key.state.to_owned(),
            both(since),
            until.map(both).unwrap_or_default(),
            self.key_encryption_key_id.clone(),
        ]
    }
}

pub(super) async fn execute(
    command: KeysCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        KeysCommand::List(format) => list(format, manager, output).await,
        KeysCommand::Rotate(arguments) => rotate(&arguments, manager, output).await,
        KeysCommand::Revoke(arguments) => revoke(&arguments, manager, output).await,
        KeysCommand::MakeKeyEncryptionKey => {
            let made = KeyEncryptionKeys::generate(manager.random.as_ref()).to_text();
            Ok(output.write_all(made.expose().as_bytes())?)
        }
        KeysCommand::ReplaceKeyEncryptionKey(format) => replace(format, manager, output).await,
    }
}

async fn list(format: Format, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let mut reader = manager.store.read();
    let mut keys = Vec::new();
    for life in signing_key::list_lives(&mut reader).await? {
        keys.push(Shown { key_encryption_key_id: life.key_encryption_key_id.clone(), view: life.into() });
    }
    for row in successor_key::list(&mut reader).await? {
        keys.push(Shown { key_encryption_key_id: row.sealed.key_id.clone(), view: row.into() });
    }
    format.list(keys, output)
}

async fn sealing(manager: &Manager) -> Result<Sealing, CommandError> {
    let keys = load_key_encryption_keys(&manager.settings, &manager.store, manager.random.as_ref()).await?;
    Ok(Sealing::new(keys, manager.random.clone()))
}

fn act<'a>(manager: &'a Manager, sealing: &'a Sealing) -> KeyAct<'a> {
    let (store, random) = (&manager.store, manager.random.as_ref());
    KeyAct { store, sealing, random, by: &Actor::CommandLine, now: manager.now }
}

async fn rotate(arguments: &RotateArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let sealing = sealing(manager).await?;
    let pace = if arguments.now { Pace::Hurry } else { Pace::InTime };
    let algorithms = arguments.algorithm.map_or_else(|| TokenAlgorithm::ALL.to_vec(), |algorithm| vec![algorithm]);
    let (mut items, mut text) = (Vec::new(), Vec::new());
    for algorithm in algorithms {
        let name = algorithm.as_str();
        match rotate_signing_key(&act(manager, &sealing), algorithm, pace).await? {
            Rotation::Prepared { kid, signs_at } => {
                text.push(format!("{algorithm}: {kid} is published and signs from {} on", rfc3339(signs_at)));
                items.push(RotatedKeyView::next(name, kid, signs_at));
            }
            Rotation::Activated(key) => {
                text.push(format!("{algorithm}: {} signs now", key.kid));
                items.push(RotatedKeyView::active(name, key));
            }
            Rotation::TooManyKeys { until } => {
                let why = "so many retired keys are still published that another one would not fit";
                return Err(CommandError::refused(format!("{algorithm}: {why}; try again after {}", rfc3339(until))));
            }
        }
    }
    arguments.format.one(&Page { items, next_cursor: None }, &text.join("\n"), output)
}

async fn revoke(arguments: &RevokeArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let sealing = sealing(manager).await?;
    let kid = arguments.kid.as_str();
    let Some(revoked) = revoke_signing_key(&act(manager, &sealing), kid).await? else {
        return Err(CommandError::not_found(format!("there is no signing key {kid}; `keys list` shows them")));
    };
    let replaced_by = revoked.replaced_by;
    let text = match &replaced_by {
        Some(new) => format!("{kid} is revoked; {new} signs in its place"),
        None => format!("{kid} is revoked; it did not sign"),
    };
    arguments.format.one(&RevokedKeyView { kid: kid.to_owned(), replaced_by }, &text, output)
}

#[derive(Serialize)]
struct Replaced {
    key_encryption_key_id: String,
    resealed: Vec<Resealed>,
    no_longer_needed: Vec<String>,
}

#[derive(Serialize)]
struct Resealed {
    table: &'static str,
    rows: u64,
}

async fn replace(format: Format, manager: &Manager, output: &mut (dyn Write + Send)) -> Result<(), CommandError> {
    let keys = load_key_encryption_keys(&manager.settings, &manager.store, manager.random.as_ref()).await?;
    let no_longer_needed: Vec<String> = keys.ids().skip(1).map(str::to_owned).collect();
    let sealing = Sealing::new(keys, manager.random.clone());
    let mut told = Ok(());
    let progress = |column: &ResealedColumn| {
        if !format.json && told.is_ok() {
            told = writeln!(output, "{}: {} rows sealed anew", column.table, column.rows);
        }
    };
    let done = replace_key_encryption_key(&act(manager, &sealing), progress).await?;
    told?;
    let current = sealing.current_key_id();
    let text = match no_longer_needed.as_slice() {
        [] => format!("everything is sealed under {current}, the only key given; to replace it, add a new one first"),
        old => format!("everything is sealed under {current}; ten minutes from now {} can go", old.join(" and ")),
    };
    let resealed = done.iter().map(|column| Resealed { table: column.table, rows: column.rows }).collect();
    format.one(&Replaced { key_encryption_key_id: current, resealed, no_longer_needed }, &text, output)
}
