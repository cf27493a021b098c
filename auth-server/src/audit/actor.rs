//! Who did something: on whose behalf an event was recorded.

use std::fmt;

/// Whoever acted, by pseudonymous ids; prints as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// An administrator, through a client.
    User {
        /// Who.
        user_id: String,
        /// With which program.
        client_id: String,
    },
    /// A machine: one that an administrator made one, or a resource server.
    Machine {
        /// Which.
        client_id: String,
    },
    /// A user on our own pages, about their own affairs.
    Person {
        /// Who.
        user_id: String,
    },
    /// Whoever runs commands beside the database.
    CommandLine,
    /// This installation itself, when it starts or by the clock.
    Installation,
}

impl Actor {
    /// What is stored.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::User { .. } => "administrator",
            Self::Machine { .. } => "client",
            Self::Person { .. } => "user",
            Self::CommandLine => "local",
            Self::Installation => "installation",
        }
    }

    /// The user, if it is one.
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::User { user_id, .. } | Self::Person { user_id } => Some(user_id),
            Self::Machine { .. } | Self::CommandLine | Self::Installation => None,
        }
    }

    /// The client, if one was used.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::User { client_id, .. } | Self::Machine { client_id } => Some(client_id),
            Self::Person { .. } | Self::CommandLine | Self::Installation => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(self.as_str(), self.user_id(), self.client_id()))
    }
}

/// A stored actor as people read it.
pub fn in_words(actor: &str, user_id: Option<&str>, client_id: Option<&str>) -> String {
    match (actor, user_id, client_id) {
        ("local", ..) => "command line".to_owned(),
        ("installation", ..) => "installation".to_owned(),
        (_, Some(user), Some(client)) => format!("user {user} with client {client}"),
        (_, Some(user), None) => format!("user {user}"),
        ("client", None, Some(client)) => format!("client {client}"),
        _ => "an erased user".to_owned(),
    }
}
