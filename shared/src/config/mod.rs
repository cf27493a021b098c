//! Configuration: tables of settings, declared once, given by flags over environment over one TOML file; whatever is
//! wrong is named at once.

mod amount;
mod collector_url;
mod command;
mod connection_url;
mod data_dir;
mod effective;
mod listeners;
mod misspelt;
mod problem;
mod public_url;
mod reference;
mod sample;
mod settings;
mod shared_settings;
mod sources;
mod value;

pub use amount::{Amount, Between, ByteSize, Check, DurationSeconds, between};
pub use collector_url::CollectorUrl;
pub use command::{ConfigCommand, PrintFormat, write_warnings};
pub use connection_url::RedisUrl;
pub use data_dir::DataDirError;
pub use listeners::{check_metrics_apart, listener_warnings};
pub use misspelt::misspelt_variables;
pub use problem::{ConfigurationError, Origin, Problem, describe_failure};
pub use public_url::PublicUrl;
pub use reference::print_reference;
pub use settings::{Reader, SettingDescription, Settings, SettingsGroup, SettingsList, TableDescription, with_rules};
pub use shared_settings::SharedSettings;
pub use sources::{DEFAULT_FILE, ENVIRONMENT_PREFIX, Sources, TABLES};
pub use value::{Given, Kind, SettingValue};

#[cfg(test)]
mod tests;
