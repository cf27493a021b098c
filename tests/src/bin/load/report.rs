//! The table.

use serde_json::{Value, json};

/// What a row must not fall short of, or exceed.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// A ratio, at least.
    AtLeast(f64),
    /// An amount in the row's unit, less than.
    Under(f64),
    /// The amount of the ceiling and so much more, at most.
    AboveCeiling(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What was measured.
    pub what: String,
    /// Ours, in `unit`.
    pub ours: f64,
    /// The ceiling, where there is one.
    pub ceiling: Option<f64>,
    /// Unit of both.
    pub unit: &'static str,
    /// The ceiling's cost ÷ ours, median of the rounds, where there is a ceiling.
    pub ratio: Option<f64>,
    /// Requests per second that our server answered.
    pub requests_per_second: Option<f64>,
    /// What it should reach.
    pub bound: Bound,
}

impl Row {
    fn reaches_its_bound(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.ratio.is_some_and(|ratio| ratio >= least),
            Bound::Under(most) => self.ours < most,
            Bound::AboveCeiling(most) => self.ceiling.is_some_and(|ceiling| self.ours <= ceiling + most),
        }
    }

    fn json(&self) -> Value {
        let (at_least, under, above_ceiling) = match self.bound {
            Bound::AtLeast(least) => (Some(least), None, None),
            Bound::Under(most) => (None, Some(most), None),
            Bound::AboveCeiling(most) => (None, None, Some(most)),
        };
        json!({
            "row": self.name, "what": self.what, "unit": self.unit, "ours": self.ours, "ceiling": self.ceiling, "ratio": self.ratio,
            "requests_per_second": self.requests_per_second, "at_least": at_least, "under": under,
            "above_ceiling": above_ceiling, "reached": self.reaches_its_bound(),
        })
    }

    fn line(&self) -> String {
        let optional =
            |value: Option<f64>, digits: usize| value.map_or_else(String::new, |value| format!("{value:.digits$}"));
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("≥ {least:.2}"),
            Bound::Under(most) => format!("< {most:.0}"),
            Bound::AboveCeiling(most) => format!("≤ +{most:.0}"),
        };
        let missed = if self.reaches_its_bound() { "" } else { "  MISSED" };
        format!(
            "{:<26} {:>8.1} {:>8} {:<9} {:>6} {:>8} {:>9}{missed}",
            self.name,
            self.ours,
            optional(self.ceiling, 1),
            self.unit,
            optional(self.ratio, 2),
            bound,
            optional(self.requests_per_second, 0),
        )
    }
}

/// Rows as they come.
#[derive(Debug)]
pub struct Report {
    as_json: bool,
    rows: Vec<Row>,
}

impl Report {
    /// An empty table, with its head unless it will be JSON.
    pub fn new(as_json: bool) -> Self {
        if !as_json {
            let head = ("row", "ours", "ceiling", "unit", "ratio", "bound", "ours/s");
            say(&format!(
                "{:<26} {:>8} {:>8} {:<9} {:>6} {:>8} {:>9}",
                head.0, head.1, head.2, head.3, head.4, head.5, head.6
            ));
        }
        Self { as_json, rows: Vec::new() }
    }

    /// Adds rows, and prints them at once unless it will be JSON.
    pub fn add(&mut self, rows: Vec<Row>) {
        for row in rows {
            if !self.as_json {
                say(&row.line());
            }
            self.rows.push(row);
        }
    }

    /// Prints what is left to print.
    pub fn end(&self) {
        if self.as_json {
            say(&Value::from(self.rows.iter().map(Row::json).collect::<Vec<_>>()).to_string());
        }
    }

    /// True when no row missed its bound.
    pub fn reaches_every_bound(&self) -> bool {
        self.rows.iter().all(Row::reaches_its_bound)
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
fn say(line: &str) {
    println!("{line}");
}
