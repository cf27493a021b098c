//! What commands print: aligned columns for people, JSON for programs.

use super::{CommandError, times};
use crate::administration::page::Page;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;

/// How a command prints.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Format {
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// A line of a list: what stands in its columns.
pub(super) trait Columns: Serialize {
    /// The headings.
    const HEADINGS: &'static [&'static str];

    /// The texts, one a heading.
    fn columns(&self) -> Vec<String>;
}

impl Format {
    /// Prints a whole list, in the form of a page.
    pub(super) fn list<T: Columns>(self, items: Vec<T>, output: &mut dyn Write) -> Result<(), CommandError> {
        if self.json {
            return Self::write_json(&Page { items, next_cursor: None }, output);
        }
        Self::table(&items, output)
    }

    /// Prints things for people.
    pub(super) fn table<T: Columns>(items: &[T], output: &mut dyn Write) -> Result<(), CommandError> {
        let headings = T::HEADINGS.iter().map(ToString::to_string).collect();
        write_table(headings, items.iter().map(Columns::columns).collect(), output)
    }

    /// Says that what was asked is done, where there is nothing to show.
    pub(super) fn done(self, text: &str, output: &mut dyn Write) -> Result<(), CommandError> {
        self.one(&Map::new(), text, output)
    }

    /// Prints one thing: `text` for people.
    pub(super) fn one(self, item: &impl Serialize, text: &str, output: &mut dyn Write) -> Result<(), CommandError> {
        if self.json {
            return Self::write_json(item, output);
        }
        Ok(writeln!(output, "{text}")?)
    }

    fn write_json(item: &impl Serialize, output: &mut dyn Write) -> Result<(), CommandError> {
        serde_json::to_writer_pretty(&mut *output, item).map_err(std::io::Error::from)?;
        Ok(writeln!(output)?)
    }
}

fn write_table(headings: Vec<String>, rows: Vec<Vec<String>>, output: &mut dyn Write) -> Result<(), CommandError> {
    let all = || std::iter::once(&headings).chain(&rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for row in all() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(output, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints one thing for people: a member a line.
pub(super) fn write_one(view: &impl Serialize, output: &mut dyn Write) -> Result<(), CommandError> {
    let value = serde_json::to_value(view).map_err(std::io::Error::from)?;
    write_value(&value, &[], output)
}

/// Prints what an operation answered for people: the items of a page as a table of `columns`, anything else a member a line.
pub(super) fn write_value(body: &Value, columns: &[&str], output: &mut dyn Write) -> Result<(), CommandError> {
    let Some(items) = body["items"].as_array() else {
        let members: Vec<_> = body.as_object().into_iter().flatten().collect();
        let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in members {
            writeln!(output, "{name:<width$}  {}", cell(name, value))?;
        }
        return Ok(());
    };
    let headings = columns.iter().map(|column| column.replace('_', " ").to_uppercase()).collect();
    let row = |item: &Value| columns.iter().map(|column| cell(column, &item[*column])).collect();
    write_table(headings, items.iter().map(row).collect(), output)?;
    if let Some(cursor) = body["next_cursor"].as_str() {
        writeln!(output, "There is more: --cursor {cursor}")?;
    }
    Ok(())
}

/// A time is a number whose name says so.
fn cell(name: &str, value: &Value) -> String {
    match value.as_i64() {
        Some(at) if name == "at" || name.ends_with("_at") => times::both(at),
        _ => text(value),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => list.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
