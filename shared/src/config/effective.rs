//! What is in effect: every setting with its value and where that comes from, as TOML. Secrets are not shown.

use super::{
    sample::to_toml,
    settings::{SettingDescription, TableDescription},
    sources::{Found, Layer, Sources},
    value::Given,
};
use std::fmt::Write as _;

/// The settings of all `tables` as `sources` give them. What is printed can be read again, secrets aside.
pub fn print_effective(tables: &[TableDescription], sources: &Sources) -> String {
    let mut text = String::from("# What is in effect, and where each setting comes from.\n");
    for table in tables.iter().filter(|table| !table.is_list) {
        write_table(&mut text, table, "", &sources.layers());
    }
    for table in tables.iter().filter(|table| table.is_list) {
        for item in sources.lists.get(table.table).into_iter().flatten() {
            write_table(&mut text, table, &format!("  # {}", item.origin), &[&item.layer]);
        }
    }
    text
}

fn write_table(text: &mut String, table: &TableDescription, remark: &str, layers: &[&Layer]) {
    let _ = writeln!(text, "\n{}{remark}", table.heading());
    for setting in &table.settings {
        let _ = writeln!(text, "{}", line(setting, layers));
    }
}

fn line(setting: &SettingDescription, layers: &[&Layer]) -> String {
    let key = setting.key;
    match (find(setting, layers), setting.default) {
        (Some((key, found)), _) if setting.secret && key == setting.key => {
            format!("# {key} is set and not shown: {}", found.origin)
        }
        (Some((key, found)), _) => format!("{key} = {}  # {}", value(setting, &found.given), found.origin),
        (None, Some(default)) => format!("{key} = {}  # default", to_toml(setting.kind, default)),
        (None, None) => format!("# {key} is not set"),
    }
}

/// What the strongest source says, under which key.
fn find<'a>(setting: &SettingDescription, layers: &[&'a Layer]) -> Option<(String, &'a Found)> {
    let keys: Vec<String> = [Some(setting.key.to_owned()), setting.file_key()].into_iter().flatten().collect();
    layers.iter().find_map(|layer| {
        keys.iter().find_map(|key| Some((key.clone(), layer.get(&(setting.table.to_owned(), key.clone()))?)))
    })
}

fn value(setting: &SettingDescription, given: &Given) -> String {
    match given {
        Given::Text(text) if setting.secret => toml::Value::String(text.clone()).to_string(),
        Given::Text(text) => to_toml(setting.kind, text),
        Given::Toml(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::print_effective;
    use crate::config::{Settings as _, SettingsList, SharedSettings, Sources};

    #[test]
    fn each_setting_says_where_it_comes_from_and_no_secret_is_shown() {
        let variables =
            [("POSTERN__SHARED__REDIS_URL", "redis://:hunter2@redis/0"), ("POSTERN__SHARED__LOG_FORMAT", "json")];
        let file = "[shared]\nlog_format = \"text\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nkey_encryption_key_file = \"/run/key\"\n";
        let sources = Sources::new()
            .with_environment(variables.map(|(name, value)| (name.into(), value.into())))
            .with_flag("shared", "data_dir", "--data-dir", "/srv/postern")
            .with_file_text("postern.toml", file)
            .expect("TOML");
        let text = print_effective(&[SharedSettings::describe()], &sources);
        for line in [
            "[shared]",
            "data_dir = \"/srv/postern\"  # flag --data-dir",
            "log_format = \"json\"  # environment variable POSTERN__SHARED__LOG_FORMAT",
            "trusted_proxies = [\"10.0.0.0/8\"]  # postern.toml line 3",
            "key_encryption_key_file = \"/run/key\"  # postern.toml line 4",
            "# redis_url is set and not shown: environment variable POSTERN__SHARED__REDIS_URL",
            "connections_per_address_block = 1024  # default",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        Sources::new().with_file_text("again.toml", &text).expect("it can be read again");
    }

    crate::settings! {
        /// A shelf.
        struct ShelfSettings in "resource_server.shelves" {
            /// What it is called.
            name: String,
            /// Opens it.
            key: Option<crate::secret::Secret>,
        }
    }

    #[test]
    fn each_table_of_a_list_says_where_it_begins() {
        let file = "[[resource_server.shelves]]\nname = \"top\"\nkey = \"hunter2\"\n[[resource_server.shelves]]\nname = \"low\"\n";
        let sources = Sources::new().with_file_text("postern.toml", file).expect("TOML");
        let SettingsList(shelves) = sources.load::<SettingsList<ShelfSettings>>().expect("usable");
        assert!(shelves[0].name == "top" && shelves[0].key.is_some());
        let text = print_effective(&[SettingsList::<ShelfSettings>::describe()], &sources);
        let heading = "[[resource_server.shelves]]  # postern.toml line ";
        assert_eq!(text.lines().filter(|line| line.starts_with(heading)).count(), 2, "{text}");
        assert!(text.contains("name = \"low\"  # postern.toml line 5") && !text.contains("hunter2"), "{text}");
    }
}
