//! The rules of the house (ARCHITECTURE.md), checked on the sources themselves. Each rule is a function from sources to violations, and
//! stands beside a test that shows it a violation, so that it is known to be able to fail.

mod arrows;
mod audit_kinds;
mod documents;
mod foreign_crates;
mod migrations;
mod named_tests;
mod names;
mod rooms;
mod sealed_columns;
mod shared_modules;
mod sizes;
mod source;
mod words;

/// Fails with every violation on a line of its own.
fn assert_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
