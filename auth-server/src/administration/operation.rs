//! An operation: where it is, what it takes, what it answers, what does it.

use super::{Input, Refusal, schema::SchemaOf, version};
use crate::{app::App, audit::Actor};
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use shared::clock::UnixSeconds;

/// Operations on one kind of thing.
pub struct Collection {
    /// The first part of their paths, and the command of the shell.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// What can be done.
    pub operations: &'static [Operation],
}

/// How an operation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To look.
    Get,
    /// To make something, or do something to it.
    Post,
    /// To replace something.
    Put,
    /// To change members of something.
    Patch,
    /// To end something.
    Delete,
}

impl Verb {
    /// The HTTP method (RFC 9110 §9).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation.
#[derive(Clone, Copy)]
pub struct Operation {
    /// The collection it is in.
    pub collection: &'static str,
    /// The command of the shell.
    pub name: &'static str,
    /// How it is asked for.
    pub verb: Verb,
    /// Where, below `/api/admin`; `{…}` are its path parameters.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What follows `postern admin` in an example.
    pub example: &'static str,
    /// Its query parameters.
    pub query: Option<SchemaOf>,
    /// Its body.
    pub body: Option<SchemaOf>,
    /// The status of success.
    pub status: StatusCode,
    /// What it answers then; nothing with 204.
    pub answer: Option<SchemaOf>,
    /// Refusals of its own, beside those that every operation of its form can meet.
    pub refusals: &'static [u16],
    /// What a table for people shows of each item.
    pub columns: &'static [&'static str],
    /// What does it.
    pub run: Run,
}

/// What does an operation.
pub type Run = for<'a> fn(&'a Call<'a>) -> BoxFuture<'a, Result<Reply, Refusal>>;

impl Operation {
    const fn new(at: (&'static str, &'static str), verb: Verb, path: &'static str, run: Run) -> Self {
        Self {
            collection: at.0,
            name: at.1,
            verb,
            path,
            summary: "",
            example: "",
            query: None,
            body: None,
            status: StatusCode::OK,
            answer: None,
            refusals: &[],
            columns: &[],
            run,
        }
    }

    /// An operation that looks. `at`: its collection and name.
    pub(super) const fn get(at: (&'static str, &'static str), path: &'static str, run: Run) -> Self {
        Self::new(at, Verb::Get, path, run)
    }

    /// An operation that makes something, or does something to it.
    pub(super) const fn post(at: (&'static str, &'static str), path: &'static str, run: Run) -> Self {
        Self::new(at, Verb::Post, path, run)
    }

    /// An operation that replaces something.
    pub(super) const fn put(at: (&'static str, &'static str), path: &'static str, run: Run) -> Self {
        Self::new(at, Verb::Put, path, run)
    }

    /// An operation that changes the members that it names.
    pub(super) const fn patch(at: (&'static str, &'static str), path: &'static str, run: Run) -> Self {
        Self::new(at, Verb::Patch, path, run)
    }

    /// An operation that ends something; asking again is no error.
    pub(super) const fn delete(at: (&'static str, &'static str), path: &'static str, run: Run) -> Self {
        Self { status: StatusCode::NO_CONTENT, ..Self::new(at, Verb::Delete, path, run) }
    }

    /// Says what it does, with an example for the shell.
    pub(super) const fn does(self, summary: &'static str, example: &'static str) -> Self {
        Self { summary, example, ..self }
    }

    /// Takes these query parameters.
    pub(super) const fn query(self, query: SchemaOf) -> Self {
        Self { query: Some(query), ..self }
    }

    /// Takes this body.
    pub(super) const fn body(self, body: SchemaOf) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Answers 200 with this.
    pub(super) const fn answers(self, answer: SchemaOf) -> Self {
        Self { answer: Some(answer), ..self }
    }

    /// Answers 201 with this.
    pub(super) const fn creates(self, answer: SchemaOf) -> Self {
        Self { answer: Some(answer), status: StatusCode::CREATED, ..self }
    }

    /// Can also be refused with these.
    pub(super) const fn refuses(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    /// Shows these members in tables.
    pub(super) const fn columns(self, columns: &'static [&'static str]) -> Self {
        Self { columns, ..self }
    }

    /// Its id in the document.
    pub fn id(&self) -> String {
        format!("{}_{}", self.collection, self.name).replace('-', "_")
    }

    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        self.verb != Verb::Get
    }

    /// The names of its path parameters.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// One call of an operation.
pub struct Call<'a> {
    /// The application.
    pub app: &'a App,
    /// Who calls.
    pub actor: &'a Actor,
    /// What was sent.
    pub input: &'a Input,
    /// When.
    pub now: UnixSeconds,
}

impl Call<'_> {
    /// A path parameter.
    pub(super) fn path(&self, name: &str) -> &str {
        self.input.path.get(name).map_or("", String::as_str)
    }

    /// The query parameters.
    ///
    /// # Errors
    /// An unknown one, or one of another form.
    pub(super) fn query<T: DeserializeOwned>(&self, schema: SchemaOf) -> Result<T, Refusal> {
        read(Value::Object(self.input.query.clone()), schema)
    }

    /// The body.
    ///
    /// # Errors
    /// It is missing, or has an unknown member or one of another form.
    pub(super) fn body<T: DeserializeOwned>(&self, schema: SchemaOf) -> Result<T, Refusal> {
        read(self.input.body.clone().unwrap_or_default(), schema)
    }

    /// Refuses a change of something that is not any more what the caller saw (RFC 9110 §13.1.1).
    ///
    /// # Errors
    /// 412.
    pub(super) fn check_version(&self, current: &impl Serialize) -> Result<(), Refusal> {
        match &self.input.if_match {
            Some(seen) if !version::matches(seen, &version::of(current)) => Err(Refusal::changed_since()),
            _ => Ok(()),
        }
    }

    /// Refuses to make what the caller says to have seen, and which is not there (RFC 9110 §13.1.1).
    ///
    /// # Errors
    /// 412.
    pub(super) fn check_absent(&self) -> Result<(), Refusal> {
        if self.input.if_match.is_some() { Err(Refusal::changed_since()) } else { Ok(()) }
    }

    /// How a change is refused that somebody else was faster than.
    pub(super) fn changed_meanwhile(&self) -> Refusal {
        match self.input.if_match {
            Some(_) => Refusal::changed_since(),
            None => Refusal::conflict("It was changed at the same time; look at it and try again."),
        }
    }
}

fn read<T: DeserializeOwned>(value: Value, schema: SchemaOf) -> Result<T, Refusal> {
    T::deserialize(&value).map_err(|_| Refusal::malformed(schema, &value))
}

/// What an operation answers.
#[derive(Debug, Default)]
pub struct Reply {
    /// The body; nothing with 204.
    pub body: Option<Value>,
    /// Where what was made is, below `/api/admin`.
    pub location: Option<String>,
    /// The entity tag of what is shown.
    pub version: Option<String>,
    /// What is wrong with what was looked at: the shell ends with it, although the operation itself did what was asked.
    pub wrong: Option<String>,
}

impl Reply {
    /// Something to show.
    pub(super) fn shows(view: &impl Serialize) -> Self {
        Self { body: Some(json(view)), ..Self::default() }
    }

    /// Something to show that can be changed: with its entity tag.
    pub(super) fn shows_version(view: &impl Serialize) -> Self {
        Self { version: Some(version::of(view)), ..Self::shows(view) }
    }

    /// Something that was made, in a collection.
    pub(super) fn made(view: &impl Serialize, collection: &str, id: &str) -> Self {
        Self { location: Some(format!("/{collection}/{id}")), ..Self::shows(view) }
    }

    /// Nothing.
    pub(super) fn nothing() -> Self {
        Self::default()
    }
}

fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).expect("views have a JSON form")
}
