//! Who administers: on whose behalf something was done to users, clients, grants or keys.

use std::fmt;

/// Whoever does what only an administrator may do; prints as the audit log keeps it, by pseudonymous ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// An administrator, through a client.
    User {
        /// Who.
        user_id: String,
        /// With which program.
        client_id: String,
    },
    /// A machine that an administrator made one.
    Machine {
        /// Which.
        client_id: String,
    },
    /// Whoever runs commands beside the database.
    CommandLine,
    /// This installation itself, when it starts or by the clock.
    Installation,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { user_id, client_id } => write!(f, "user {user_id} with client {client_id}"),
            Self::Machine { client_id } => write!(f, "client {client_id}"),
            Self::CommandLine => f.write_str("command line"),
            Self::Installation => f.write_str("installation"),
        }
    }
}
