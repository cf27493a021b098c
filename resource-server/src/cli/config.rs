//! `resource-server config check` and `config print`.

use super::{CommandError, tables};
use crate::config::Settings;
use shared::config::print_sample;
use std::io::Write;

/// Says that the settings are usable: whoever loaded them found nothing wrong. A server of its own needs an identity, too.
pub(super) fn check(settings: &Settings, output: &mut dyn Write) -> Result<(), CommandError> {
    settings.check_identity()?;
    Ok(writeln!(
        output,
        "the configuration is usable: {} behind {}",
        settings.resource(),
        settings.resource_server.issuer
    )?)
}

/// The annotated sample.
pub(super) fn print(output: &mut dyn Write) -> Result<(), CommandError> {
    Ok(output.write_all(print_sample(&tables()).as_bytes())?)
}
