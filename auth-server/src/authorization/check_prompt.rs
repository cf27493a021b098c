//! `prompt` (OpenID Connect Core §3.1.2.1): how much the person is to be asked.

use super::Refusal;
use crate::parameters::Parameters;
use serde::{Deserialize, Serialize};

/// What the client wants the person to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prompt {
    /// `none`: nothing; an error instead.
    pub none: bool,
    /// `login`: the password, also of somebody who is signed in.
    pub login: bool,
    /// `consent` or `select_account` (the consent page is where the account can be changed): whatever was remembered.
    pub consent: bool,
}

impl Prompt {
    /// The words that are understood.
    pub const WORDS: [&str; 4] = ["none", "login", "consent", "select_account"];
}

/// Reads `prompt`; refuses unknown words and `none` with others.
pub(super) fn check_prompt(parameters: &Parameters) -> Result<Prompt, Refusal> {
    let mut prompt = Prompt::default();
    for word in parameters.get("prompt").unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" | "select_account" => prompt.consent = true,
            _ => return Err(Refusal::invalid_request("prompt has an unknown value.")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err(Refusal::invalid_request("prompt=none excludes every other value."));
    }
    Ok(prompt)
}
