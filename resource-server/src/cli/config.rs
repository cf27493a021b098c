//! `resource-server config check` and `config print`.

use super::{CommandError, PrintFormat, tables};
use crate::config::Settings;
use shared::config::{print_reference, print_sample};
use std::io::Write;

/// Says that the settings are usable: whoever loaded them found nothing wrong. A server of its own needs an identity, too.
pub(super) fn check(settings: &Settings, output: &mut dyn Write) -> Result<(), CommandError> {
    settings.check_identity()?;
    Ok(writeln!(
        output,
        "the configuration is usable: {} behind {}",
        settings.resource(),
        settings.issuers().collect::<Vec<_>>().join(", ")
    )?)
}

impl PrintFormat {
    /// Prints the tables of this server.
    pub(super) fn print(self, output: &mut dyn Write) -> Result<(), CommandError> {
        let text = if self.markdown { print_reference(&tables()) } else { print_sample(&tables()) };
        Ok(output.write_all(text.as_bytes())?)
    }
}
