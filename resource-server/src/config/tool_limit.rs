//! The limit of one tool.

use shared::config::{Given, Kind, SettingValue};

/// The most calls a minute of any tool.
const CALLS_MAX: u32 = 1_000_000;

/// How many calls of a tool one user may make in a minute with one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolLimit {
    /// The tool.
    pub tool: String,
    /// So many.
    pub calls_per_minute: u32,
}

impl SettingValue for ToolLimit {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"create_event=10\"";

    fn expected() -> String {
        "a tool and how many calls of it a minute, such as create_event=10".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = String::parse(given)?;
        // The name of a tool may hold the sign, too.
        let parsed =
            text.rsplit_once('=').and_then(|(tool, calls)| Some((tool.trim(), calls.trim().parse::<u32>().ok()?)));
        match parsed {
            Some((tool, calls)) if !tool.is_empty() && (1..=CALLS_MAX).contains(&calls) => {
                Ok(Self { tool: tool.to_owned(), calls_per_minute: calls })
            }
            _ => Err(format!("{text:?} is no tool with a number from 1 to {CALLS_MAX}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ToolLimit;
    use shared::config::{Given, SettingValue as _};

    #[test]
    fn a_tool_and_a_number() {
        let limit = |text: &str| ToolLimit::parse(&Given::Text(text.to_owned()));
        let of = |tool: &str, calls_per_minute| Ok(ToolLimit { tool: tool.to_owned(), calls_per_minute });
        assert_eq!(limit("create_event=10"), of("create_event", 10));
        assert_eq!(limit(" a=b = 1 "), of("a=b", 1));
        for text in ["", "create_event", "=10", "a=", "a=0", "a=-1", "a=1000001", "a=1.5"] {
            assert!(limit(text).is_err(), "{text}");
        }
    }
}
