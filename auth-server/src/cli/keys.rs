//! `keys list`, `rotate`, `revoke`, and the key-encryption key.

use super::{CommandError, Format, manager::Manager, output::Columns};
use crate::{
    audit::Actor,
    key_lifecycle::{
        KeyAct, Pace, ResealedColumn, Rotation, load_key_encryption_keys, replace_key_encryption_key,
        revoke_signing_key, rotate_signing_key, times::Stage,
    },
    store::{
        signing_key::{self, KeyLife},
        successor_key::{self, SuccessorKeyRow},
    },
};
use chrono::{DateTime, SecondsFormat};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{
    clock::UnixSeconds, protocol::token_algorithm::TokenAlgorithm, sealing::KeyEncryptionKeys, sealing::Sealing,
};
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

#[derive(Serialize)]
struct Line {
    kid: String,
    #[serde(rename = "use")]
    used_for: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    state: &'static str,
    published_at: UnixSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    activates_at: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone_at: Option<UnixSeconds>,
    key_encryption_key_id: String,
}

impl From<KeyLife> for Line {
    fn from(life: KeyLife) -> Self {
        let stage = Stage::of(&life);
        let (activates_at, gone_at) = match stage {
            Stage::Next { activates_at } => (Some(activates_at), None),
            Stage::Active { .. } => (None, None),
            Stage::Retired { gone_at } => (None, Some(gone_at)),
        };
        Self {
            kid: life.kid,
            used_for: "signing",
            algorithm: Some(life.algorithm),
            state: stage.as_str(),
            published_at: life.published_at,
            activates_at,
            activated_at: life.activated_at,
            retired_at: life.retired_at,
            gone_at,
            key_encryption_key_id: life.key_encryption_key_id,
        }
    }
}

impl From<SuccessorKeyRow> for Line {
    fn from(row: SuccessorKeyRow) -> Self {
        Self {
            kid: row.id,
            used_for: "refresh",
            algorithm: None,
            state: if row.retired_at.is_none() { "active" } else { "retired" },
            published_at: row.created_at,
            activates_at: None,
            activated_at: Some(row.created_at),
            retired_at: row.retired_at,
            gone_at: None,
            key_encryption_key_id: row.sealed.key_id,
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] = &["KID", "USE", "ALGORITHM", "STATE", "SINCE", "UNTIL", "SEALED UNDER"];

    fn columns(&self) -> Vec<String> {
        let since = self.retired_at.or(self.activated_at).unwrap_or(self.published_at);
        let until = self.activates_at.or(self.gone_at);
        vec![
            self.kid.clone(),
            self.used_for.to_owned(),
            self.algorithm.clone().unwrap_or_default(),
            self.state.to_owned(),
            time(since),
            until.map(time).unwrap_or_default(),
            self.key_encryption_key_id.clone(),
        ]
    }
}

fn time(at: UnixSeconds) -> String {
    DateTime::from_timestamp(at, 0).map_or_else(|| at.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
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
    let signing = signing_key::list_lives(&mut manager.store.read()).await?;
    let successor = successor_key::list(&mut manager.store.read()).await?;
    let lines: Vec<Line> = signing.into_iter().map(Line::from).chain(successor.into_iter().map(Line::from)).collect();
    format.list(&lines, output)
}

async fn sealing(manager: &Manager) -> Result<Sealing, CommandError> {
    let keys = load_key_encryption_keys(&manager.settings, &manager.store, manager.random.as_ref()).await?;
    Ok(Sealing::new(keys, manager.random.clone()))
}

fn act<'a>(manager: &'a Manager, sealing: &'a Sealing) -> KeyAct<'a> {
    let (store, random) = (&manager.store, manager.random.as_ref());
    KeyAct { store, sealing, random, by: &Actor::CommandLine, now: manager.now }
}

#[derive(Serialize)]
struct Rotated {
    algorithm: TokenAlgorithm,
    kid: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signs_at: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<String>,
}

async fn rotate(arguments: &RotateArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let sealing = sealing(manager).await?;
    let pace = if arguments.now { Pace::Hurry } else { Pace::InTime };
    let algorithms = arguments.algorithm.map_or_else(|| TokenAlgorithm::ALL.to_vec(), |algorithm| vec![algorithm]);
    let (mut done, mut text) = (Vec::new(), Vec::new());
    for algorithm in algorithms {
        match rotate_signing_key(&act(manager, &sealing), algorithm, pace).await? {
            Rotation::Prepared { kid, signs_at } => {
                text.push(format!("{algorithm}: {kid} is published and signs from {} on", time(signs_at)));
                done.push(Rotated { algorithm, kid, state: "next", signs_at: Some(signs_at), retired: None });
            }
            Rotation::Activated(key) => {
                text.push(format!("{algorithm}: {} signs now", key.kid));
                done.push(Rotated { algorithm, kid: key.kid, state: "active", signs_at: None, retired: key.retired });
            }
            Rotation::TooManyKeys { until } => {
                let why = "so many retired keys are still published that another one would not fit";
                return Err(CommandError::refused(format!("{algorithm}: {why}; try again after {}", time(until))));
            }
        }
    }
    arguments.format.one(&done, &text.join("\n"), output)
}

#[derive(Serialize)]
struct Revoked<'a> {
    kid: &'a str,
    revoked: bool,
    replaced_by: Option<String>,
}

async fn revoke(arguments: &RevokeArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let sealing = sealing(manager).await?;
    let kid = arguments.kid.as_str();
    let Some(revoked) = revoke_signing_key(&act(manager, &sealing), kid).await? else {
        return Err(CommandError::refused(format!("there is no signing key {kid}; `keys list` shows them")));
    };
    let replaced_by = revoked.replaced_by;
    let text = match &replaced_by {
        Some(new) => format!("{kid} is revoked; {new} signs in its place"),
        None => format!("{kid} is revoked; it did not sign"),
    };
    arguments.format.one(&Revoked { kid, revoked: true, replaced_by }, &text, output)
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
