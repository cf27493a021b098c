//! Environment variables that were meant for us and are not read: names with one underscore where there are two.

use super::{settings::TableDescription, sources::ENVIRONMENT_PREFIX};
use std::ffi::OsString;

/// A warning for each variable that names one of our settings in another spelling. What else begins like ours, such as the variables by which
/// Kubernetes tells where a service named `postern` is (`POSTERN_PORT`, `POSTERN_SERVICE_HOST`), is none of our business.
pub fn misspelt_variables(environment: &[(OsString, OsString)], tables: &[TableDescription]) -> Vec<String> {
    let settings = || tables.iter().filter(|table| !table.is_list).flat_map(|table| &table.settings);
    let variables = settings().flat_map(|setting| {
        let variable = setting.variable();
        let file = setting.file_key().map(|_| format!("{variable}_FILE"));
        [Some((setting.table, variable)), file.map(|file| (setting.table, file))].into_iter().flatten()
    });
    let known: Vec<(&str, String)> = variables.collect();
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    let ours = names.filter(|name| name.starts_with("POSTERN_") && !name.starts_with(ENVIRONMENT_PREFIX));
    let warning = |name: &str| {
        let meant: Vec<&str> = known
            .iter()
            .filter(|(table, variable)| is_meant(name, table, variable))
            .map(|(_, it)| it.as_str())
            .collect();
        (!meant.is_empty())
            .then(|| format!("the environment variable {name} is not read; write {}", meant.join(" or ")))
    };
    ours.filter_map(warning).collect()
}

/// Whether `name` is `variable` with fewer underscores, or without its table.
fn is_meant(name: &str, table: &str, variable: &str) -> bool {
    let single = variable.replace("__", "_");
    let without_table = single.replacen(&format!("_{}_", table.to_uppercase()), "_", 1);
    [single, without_table].contains(&name.replace("__", "_"))
}

#[cfg(test)]
mod tests {
    use super::misspelt_variables;
    use crate::config::{Settings as _, SharedSettings};

    #[test]
    fn the_right_spelling_is_named_and_what_kubernetes_sets_is_left_alone() {
        let told = |name: &str| {
            misspelt_variables(&[(name.into(), "x".into())], &[SharedSettings::describe()]).pop().unwrap_or_default()
        };
        for (name, right) in [
            ("POSTERN_SHARED_DATA_DIR", "POSTERN__SHARED__DATA_DIR"),
            ("POSTERN_SHARED__DATA_DIR", "POSTERN__SHARED__DATA_DIR"),
            ("POSTERN_DATA_DIR", "POSTERN__SHARED__DATA_DIR"),
            ("POSTERN_SHARED_REDIS_URL_FILE", "POSTERN__SHARED__REDIS_URL_FILE"),
        ] {
            assert!(told(name).ends_with(&format!("write {right}")), "{name}: {}", told(name));
        }
        for silent in [
            "POSTERN_PORT",
            "POSTERN_PORT_9400_TCP_ADDR",
            "POSTERN_SERVICE_HOST",
            "POSTERN_SERVICE_PORT_HTTP",
            "POSTERN_SHARED_SERVICE_HOST",
            "POSTERN__SHARED__DATA_DIR",
            "POSTERN__SHARED__NONSENSE",
            "DATA_DIR",
        ] {
            assert_eq!(told(silent), "", "{silent}");
        }
    }
}
