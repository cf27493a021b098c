//! `admin …`: every operation of the administration interface, by the same table, on this machine's database. No token is needed: whoever
//! can read the key-encryption key and the database administers anyway.

use super::{CommandError, Format, output};
use crate::{
    administration::{
        COLLECTIONS, Collection, Input, Operation, operations, perform,
        schema::{Form, Property, properties, words},
    },
    app::App,
    audit::Actor,
    config::Settings,
};
use clap::{
    Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand, builder::PossibleValuesParser, error::ErrorKind,
};
use serde_json::{Map, Value};
use shared::{clock::SharedClock, random::SharedRandom};
use std::{fmt, io::Write, sync::Arc};

/// One operation with its arguments.
#[derive(Clone)]
pub struct AdminCommand {
    operation: &'static Operation,
    input: Input,
    format: Format,
}

impl fmt::Debug for AdminCommand {
    /// Arguments are left out: they are about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AdminCommand").field(&self.operation.id()).finish()
    }
}

impl Subcommand for AdminCommand {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(COLLECTIONS.iter().map(collection_command)).subcommand_required(true)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        COLLECTIONS.iter().any(|collection| collection.name == name)
    }
}

impl FromArgMatches for AdminCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (collection, matches) = matches.subcommand().ok_or_else(missing)?;
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let found = operations().find(|operation| operation.collection == collection && operation.name == name);
        let operation = found.ok_or_else(missing)?;
        let query = operation.query.map(properties).unwrap_or_default();
        let body = operation.body.map(properties);
        let input = Input {
            path: operation.path_parameters().map(|name| (name.to_owned(), text(matches, name))).collect(),
            query: members(matches, &query),
            body: body.map(|body| Value::Object(members(matches, &body))),
            if_match: None,
        };
        Ok(Self { operation, input, format: Format { json: matches.get_flag("json") } })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn collection_command(collection: &'static Collection) -> Command {
    let example = collection.operations.first().map_or("", |operation| operation.example);
    Command::new(collection.name)
        .about(collection.about)
        .after_help(format!("Example:\n  postern admin {example}"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(collection.operations.iter().map(operation_command))
}

fn operation_command(operation: &'static Operation) -> Command {
    let positional =
        |name: &'static str| Arg::new(name).required(true).allow_hyphen_values(true).value_name(name.to_uppercase());
    let query = operation.query.map(properties).unwrap_or_default();
    let body = operation.body.map(properties).unwrap_or_default();
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue);
    Command::new(operation.name)
        .about(operation.summary)
        .after_help(format!("Example:\n  postern admin {}", operation.example))
        .args(operation.path_parameters().map(|name| positional(name).help("Its id")))
        .args(query.iter().chain(&body).map(option))
        .arg(json.help("Print JSON for programs instead of text for people"))
}

fn option(property: &Property) -> Arg {
    let option = Arg::new(property.name.clone())
        .long(property.name.replace('_', "-"))
        .help(property.description.trim_end_matches('.').to_owned())
        .required(property.is_required)
        .allow_hyphen_values(true);
    match property.form {
        Form::Boolean => option
            .value_parser(PossibleValuesParser::new(["true", "false"]))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Form::Texts => option.action(ArgAction::Append).value_name("TEXT"),
        Form::Integer => option.value_parser(clap::value_parser!(i64)).value_name("NUMBER"),
        Form::Json => option.value_name("JSON"),
        Form::Text => match words(&property.schema) {
            words if words.is_empty() => option.value_name("TEXT"),
            words => {
                let are_few = words.len() <= FEW_WORDS;
                let name = if are_few { words.join("|") } else { "WORD".to_owned() };
                option.value_name(name).hide_possible_values(are_few).value_parser(PossibleValuesParser::new(words))
            }
        },
    }
}

/// So many words stand in the place of the value; more are listed beside the help.
const FEW_WORDS: usize = 8;

fn text(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).cloned().unwrap_or_default()
}

/// What was given of these members; what was not is left out.
fn members(matches: &ArgMatches, properties: &[Property]) -> Map<String, Value> {
    let given = |property: &Property| {
        let name = property.name.as_str();
        match property.form {
            Form::Integer => matches.get_one::<i64>(name).map(|number| Value::from(*number)),
            Form::Texts => matches.get_many::<String>(name).map(|texts| texts.cloned().map(Value::from).collect()),
            form => matches.get_one::<String>(name).map(|text| form.read(text)),
        }
    };
    properties.iter().filter_map(|property| Some((property.name.clone(), given(property)?))).collect()
}

pub(super) async fn execute(
    command: AdminCommand,
    settings: Settings,
    clock: &SharedClock,
    random: SharedRandom,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let app = App::open(settings, Arc::clone(clock), random).await?;
    let AdminCommand { operation, input, format } = command;
    let done = perform(&app, operation, &Actor::CommandLine, &input, clock.now()).await;
    app.store.close().await;
    let reply = done?;
    match reply.body {
        Some(body) if format.json => format.one(&body, "", output)?,
        Some(body) => output::write_value(&body, operation.columns, output)?,
        None => format.done("done", output)?,
    }
    reply.wrong.map_or(Ok(()), |what| Err(CommandError::refused(what)))
}
