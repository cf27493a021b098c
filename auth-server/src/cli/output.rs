//! What commands print: aligned columns for people, JSON for programs.

use super::CommandError;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
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
    /// Prints a list.
    pub(super) fn list<T: Columns>(self, items: &[T], output: &mut dyn Write) -> Result<(), CommandError> {
        if self.json {
            return Self::write_json(&items, output);
        }
        let headings = T::HEADINGS.iter().map(ToString::to_string).collect();
        write_table(headings, items.iter().map(Columns::columns).collect(), output)
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

/// Prints what an operation answered for people: the items of a page as a table of `columns`, anything else a member a line.
pub(super) fn write_value(body: &Value, columns: &[&str], output: &mut dyn Write) -> Result<(), CommandError> {
    let Some(items) = body["items"].as_array() else {
        let members: Vec<_> = body.as_object().into_iter().flatten().collect();
        let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in members {
            writeln!(output, "{name:<width$}  {}", text(value))?;
        }
        return Ok(());
    };
    let headings = columns.iter().map(|column| column.replace('_', " ").to_uppercase()).collect();
    let row = |item: &Value| columns.iter().map(|column| text(&item[*column])).collect();
    write_table(headings, items.iter().map(row).collect(), output)?;
    if let Some(cursor) = body["next_cursor"].as_str() {
        writeln!(output, "There is more: --cursor {cursor}")?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => list.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
