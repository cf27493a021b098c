//! The annotated sample that `config print` emits: every setting with its comment, commented out at its default.

use super::settings::{SettingDescription, TableDescription};
use super::value::Kind;
use std::fmt::Write as _;

/// The sample of all `tables` as TOML. As printed it changes nothing: every setting is commented out.
pub fn print_sample(tables: &[TableDescription]) -> String {
    let mut sample = String::from(
        "# Postern's configuration: every setting with its default. Flags go over environment variables, and those over this file.\n\
         # Lines that begin with # are comments; remove the # to set something.\n",
    );
    for table in tables {
        sample.push('\n');
        write_comment(&mut sample, &table.comment);
        // The table of a list would be one without its required settings.
        let remark = if table.is_list { "#" } else { "" };
        let _ = writeln!(sample, "{remark}{}", table.heading());
        for setting in &table.settings {
            sample.push('\n');
            write_setting(&mut sample, setting, table.is_list);
        }
    }
    sample
}

fn write_comment(sample: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(sample, "{}", format!("# {line}").trim_end());
    }
}

fn write_setting(sample: &mut String, setting: &SettingDescription, in_list: bool) {
    write_comment(sample, &setting.comment);
    let _ = writeln!(sample, "# Expected: {}.", setting.expected);
    if !in_list {
        let _ = writeln!(sample, "# Environment: {}", setting.variable());
    }
    match setting.default {
        Some(default) => drop(writeln!(sample, "#{} = {}", setting.key, to_toml(setting.kind, default))),
        None if setting.required => drop(writeln!(sample, "# Required.\n#{} = {}", setting.key, setting.example)),
        None => drop(writeln!(sample, "# Not set by default; for example:\n#{} = {}", setting.key, setting.example)),
    }
    if let Some(file_key) = setting.file_key() {
        let _ = writeln!(sample, "# Or a file that holds it:\n#{file_key} = \"/run/secrets/{}\"", setting.key);
    }
}

/// A default as it is written in the file.
pub(super) fn to_toml(kind: Kind, text: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    match kind {
        Kind::Number if text.bytes().all(|byte| byte.is_ascii_digit()) => text.to_owned(),
        Kind::Boolean => text.to_owned(),
        Kind::Text | Kind::Number => quoted(text),
        Kind::List => {
            let items: Vec<String> =
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
    }
}
