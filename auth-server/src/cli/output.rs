//! What commands print: aligned columns for people, JSON for programs.

use super::CommandError;
use clap::Args;
use serde::Serialize;
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
        let rows: Vec<Vec<String>> = items.iter().map(Columns::columns).collect();
        let headings: Vec<String> = T::HEADINGS.iter().map(ToString::to_string).collect();
        let all = || std::iter::once(&headings).chain(&rows);
        let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        for row in all() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(output, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
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
