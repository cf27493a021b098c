//! Where a command takes a password from: standard input or a prompt, never an argument (others on the machine see those).

use super::CommandError;
use shared::secret::Secret;
use std::{
    io::{IsTerminal as _, Read as _, Write as _, stderr, stdin},
    process::{Command, Stdio},
};

/// Longer input is no password.
const MAX_BYTES: u64 = 4096;

/// The first line of standard input, or what is typed at a prompt, twice.
pub(super) fn read(from_standard_input: bool) -> Result<Secret, CommandError> {
    if from_standard_input {
        return first_line();
    }
    if !stdin().is_terminal() {
        return Err(CommandError::refused(
            "there is no terminal to ask for the password; pipe it in and add --password-stdin",
        ));
    }
    let password = ask("Password: ")?;
    if !password.matches(ask("Again: ")?.expose()) {
        return Err(CommandError::refused("the two passwords differ"));
    }
    Ok(password)
}

fn first_line() -> Result<Secret, CommandError> {
    let mut text = String::new();
    stdin().lock().take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// Asks without showing what is typed.
fn ask(prompt: &str) -> Result<Secret, CommandError> {
    let mut terminal = stderr();
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let echo = Echo::off();
    let mut line = String::new();
    let read = stdin().read_line(&mut line);
    drop(echo);
    writeln!(terminal)?;
    read?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// Puts the terminal's echo back when dropped.
struct Echo;

impl Echo {
    fn off() -> Self {
        Self::set("-echo");
        Self
    }

    /// Where there is no `stty` the password is shown while it is typed.
    fn set(mode: &str) {
        let _ =
            Command::new("stty").arg(mode).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        Self::set("echo");
    }
}
