//! What a person who starts Postern is told: where to point a client, and how to become the administrator.

use shared::secret::Secret;
use std::{
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

/// The set-up link, for whoever cannot be shown it on a terminal.
pub const SETUP_LINK_FILE: &str = "setup-link";

/// What there is to say.
pub struct Greeting<'a> {
    /// The MCP endpoint.
    pub resource: &'a str,
    /// The issuer.
    pub issuer: &'a str,
    /// Present until an administrator was made; whoever opens it becomes one.
    pub set_up_link: Option<&'a Secret>,
    /// Where state is kept.
    pub data_dir: &'a Path,
}

/// Says it on standard output. Without a terminal the set-up link goes into a file of its owner's instead, which is returned: output that
/// nobody watches ends in a log.
///
/// # Errors
/// The file or the output cannot be written.
pub fn greet(greeting: &Greeting<'_>) -> io::Result<Option<PathBuf>> {
    let mut output = io::stdout();
    let file = greeting.data_dir.join(SETUP_LINK_FILE);
    remove_if_there(&file)?;
    let shown = match greeting.set_up_link {
        Some(link) if output.is_terminal() => Shown::Link(link),
        Some(link) => {
            write_for_owner(&file, link)?;
            Shown::File(file)
        }
        None => Shown::Nothing,
    };
    write(greeting, &shown, &mut output)?;
    output.flush()?;
    Ok(match shown {
        Shown::File(file) => Some(file),
        Shown::Link(_) | Shown::Nothing => None,
    })
}

enum Shown<'a> {
    Link(&'a Secret),
    File(PathBuf),
    Nothing,
}

fn write(greeting: &Greeting<'_>, shown: &Shown<'_>, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "Postern is running.")?;
    writeln!(output)?;
    writeln!(output, "  Point an MCP client to   {}", greeting.resource)?;
    writeln!(output, "  People sign in at        {}", greeting.issuer)?;
    writeln!(output, "  State is kept in         {}", greeting.data_dir.display())?;
    match shown {
        Shown::Link(link) => {
            writeln!(output)?;
            writeln!(output, "  Become the administrator with this link, within an hour:")?;
            writeln!(output, "  {}", link.expose())?;
        }
        Shown::File(file) => {
            writeln!(output)?;
            writeln!(output, "  The link that makes the administrator, good for an hour, is in {}", file.display())?;
        }
        Shown::Nothing => {}
    }
    writeln!(output)?;
    writeln!(output, "Stop with Ctrl-C. `postern --help` lists the commands.")
}

/// Removes the file; that it is not there is as good.
pub fn remove_if_there(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_for_owner(file: &Path, link: &Secret) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut created = options.write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(created, "{}", link.expose())
}

#[cfg(test)]
mod tests {
    use super::{Greeting, Shown, write};
    use shared::secret::Secret;
    use std::path::{Path, PathBuf};

    fn said(shown: &Shown<'_>, link: Option<&Secret>) -> String {
        let greeting = Greeting {
            resource: "http://localhost:9500/mcp",
            issuer: "http://localhost:9400",
            set_up_link: link,
            data_dir: Path::new("data"),
        };
        let mut output = Vec::new();
        write(&greeting, shown, &mut output).expect("memory");
        String::from_utf8(output).expect("text")
    }

    #[test]
    fn the_link_is_shown_on_a_terminal_only() {
        let link = Secret::new("http://localhost:9400/set-up/secret");
        assert!(said(&Shown::Link(&link), Some(&link)).contains("/set-up/secret"));
        let without = said(&Shown::File(PathBuf::from("data/setup-link")), Some(&link));
        assert!(without.contains("data/setup-link") && !without.contains("/set-up/secret"));
        let later = said(&Shown::Nothing, None);
        assert!(later.contains("http://localhost:9500/mcp") && !later.contains("administrator"));
    }
}
