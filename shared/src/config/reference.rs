//! The reference in `docs/`: the same table of settings as Markdown.

use super::sample::to_toml;
use super::settings::TableDescription;
use std::fmt::Write as _;

/// The reference of all `tables` as Markdown: one section a table, one subsection a setting.
pub fn print_reference(tables: &[TableDescription]) -> String {
    let mut reference = String::from(
        "# Configuration reference\n\n\
         Generated from the comments beside each setting (`config print --markdown`). Flags go over environment variables, and those over the\n\
         file (`--config`, else `./postern.toml` if present). Unknown keys and unusable values refuse to start, all named at once.\n",
    );
    for table in tables {
        let heading = table.heading();
        let _ = write!(reference, "\n## `{heading}`\n\n{}\n", table.comment.join("\n"));
        for setting in &table.settings {
            let default = match setting.default {
                Some(default) => format!("`{}`", to_toml(setting.kind, default)),
                None if setting.required => "none: required".to_owned(),
                None => "not set".to_owned(),
            };
            let _ = write!(
                reference,
                "\n### `{}`\n\n{}\n\n- Default: {default}\n- Expected: {}\n",
                setting.key,
                setting.comment.join("\n"),
                setting.expected,
            );
            let variable = (!table.is_list).then(|| setting.variable());
            if let Some(variable) = &variable {
                let _ = writeln!(reference, "- Environment: `{variable}`");
            }
            if let Some(file_key) = setting.file_key() {
                let or = variable.map(|variable| format!(" (or `{variable}_FILE`)")).unwrap_or_default();
                let _ = writeln!(reference, "- Secret: never shown; `{file_key}`{or} names a file that holds it");
            }
        }
    }
    reference
}
