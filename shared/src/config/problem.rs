//! What is wrong with a configuration: every problem with its key, where it came from, and what would be right.

use std::fmt;

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, with its dashes.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// A line of the configuration file.
    File {
        /// The file as it was named.
        name: String,
        /// Counted from 1.
        line: usize,
    },
    /// The program itself, which knows no other value.
    Program(&'static str),
    /// Given nowhere: the default, or a required setting that is missing.
    Nowhere,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::File { name, line } => write!(f, "{name} line {line}"),
            Self::Program(name) => write!(f, "set by {name}"),
            Self::Nowhere => write!(f, "not set"),
        }
    }
}

/// One thing that keeps the program from starting. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `table.key`, or what stands in its place where there is no key.
    pub key: String,
    /// Where it was given.
    pub origin: Origin,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem found after loading, between settings or with the world: `key` is `table.key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), origin: Origin::Nowhere, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Nowhere => write!(f, "{}: {}", self.key, self.message),
            origin => write!(f, "{} ({origin}): {}", self.key, self.message),
        }
    }
}

/// Why the configuration cannot be used: all problems at once, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigurationError {
    /// `Ok` when there are no problems.
    ///
    /// # Errors
    /// All of `problems`.
    pub fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigurationError {}

/// What is printed for a failed command: one line where the cause is one.
pub fn describe_failure(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    match text.lines().collect::<Vec<_>>().as_slice() {
        [heading, only] => format!("{heading} {}", only.trim()),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigurationError, Problem, describe_failure};

    #[test]
    fn one_problem_is_one_line() {
        let mut error = ConfigurationError { problems: vec![Problem::new("a.b", "c")] };
        assert_eq!(describe_failure(&error), "the configuration has a problem: a.b: c");
        error.problems.push(Problem::new("a.d", "e"));
        assert_eq!(describe_failure(&error).lines().count(), 3);
        assert_eq!(describe_failure(&"one"), "one");
    }
}
