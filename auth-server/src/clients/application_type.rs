//! `application_type` (OpenID Connect Dynamic Client Registration 1.0 §2).

/// Where a client runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationType {
    /// On a web server.
    Web,
    /// On a person's device: loopback and private-use scheme redirects.
    Native,
}

impl ApplicationType {
    /// The registered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }

    /// The type a registered word names.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Web, Self::Native].into_iter().find(|kind| kind.as_str() == text)
    }
}
