//! What may stand in the change log.

use shared::clock::UnixSeconds;

/// The kinds of rows. Revocations are delivered to resource servers; the others only wake this server's own caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A grant ended; the subject is its id.
    Grant,
    /// One access token ended; the subject is its `jti`.
    Jti,
    /// Everything a user holds ended; the subject is the user's id.
    User,
    /// What a user holds in one organization ended; the subject is `user organization`.
    UserInOrganization,
    /// What was granted in an organization ended; the subject is its id.
    Organization,
    /// Everything a client holds ended; the subject is its id.
    Client,
    /// Every token for a resource ended; the subject is its id.
    Resource,
    /// A signing key was stolen; the subject is its `kid`.
    Kid,
    /// Everything issued before a time ended; the subject is that time in unix seconds.
    AllBefore,
    /// A client was made or altered.
    ClientChanged,
    /// A resource was registered, altered or removed.
    ResourceChanged,
    /// A user was made or altered.
    UserChanged,
    /// A signing key came, went or changed its state.
    SigningKeysChanged,
}

impl ChangeKind {
    const ALL: [Self; 13] = [
        Self::Grant,
        Self::Jti,
        Self::User,
        Self::UserInOrganization,
        Self::Organization,
        Self::Client,
        Self::Resource,
        Self::Kid,
        Self::AllBefore,
        Self::ClientChanged,
        Self::ResourceChanged,
        Self::UserChanged,
        Self::SigningKeysChanged,
    ];

    /// The word that the database and the revocation list hold.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Jti => "jti",
            Self::User => "user",
            Self::UserInOrganization => "user_in_organization",
            Self::Organization => "organization",
            Self::Client => "client",
            Self::Resource => "resource",
            Self::Kid => "kid",
            Self::AllBefore => "all_before",
            Self::ClientChanged => "client_changed",
            Self::ResourceChanged => "resource_changed",
            Self::UserChanged => "user_changed",
            Self::SigningKeysChanged => "signing_keys_changed",
        }
    }

    /// The kind that a stored word names; `None` for one written by a newer version.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether resource servers must hear of it.
    pub const fn is_revocation(self) -> bool {
        !matches!(self, Self::ClientChanged | Self::ResourceChanged | Self::UserChanged | Self::SigningKeysChanged)
    }
}

/// One thing to append: its kind and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// A grant was revoked, by id.
    GrantRevoked(&'a str),
    /// One access token was revoked, by `jti`.
    TokenRevoked(&'a str),
    /// A user was disabled: everything the user holds ended.
    UserRevoked(&'a str),
    /// A client was removed: everything it holds ended.
    ClientRevoked(&'a str),
    /// A resource was removed: every token for it ended.
    ResourceRevoked(&'a str),
    /// A signing key was stolen.
    KeyRevoked(&'a str),
    /// Everything issued before this time ended.
    AllRevokedBefore(UnixSeconds),
    /// A client was made, altered or confirmed.
    ClientChanged(&'a str),
    /// A resource was registered or altered.
    ResourceChanged(&'a str),
    /// A user was made or altered.
    UserChanged(&'a str),
    /// A signing key came, went or changed its state; by `kid`.
    SigningKeysChanged(&'a str),
}

impl Change<'_> {
    /// Its kind.
    pub const fn kind(&self) -> ChangeKind {
        match self {
            Self::GrantRevoked(_) => ChangeKind::Grant,
            Self::TokenRevoked(_) => ChangeKind::Jti,
            Self::UserRevoked(_) => ChangeKind::User,
            Self::ClientRevoked(_) => ChangeKind::Client,
            Self::ResourceRevoked(_) => ChangeKind::Resource,
            Self::KeyRevoked(_) => ChangeKind::Kid,
            Self::AllRevokedBefore(_) => ChangeKind::AllBefore,
            Self::ClientChanged(_) => ChangeKind::ClientChanged,
            Self::ResourceChanged(_) => ChangeKind::ResourceChanged,
            Self::UserChanged(_) => ChangeKind::UserChanged,
            Self::SigningKeysChanged(_) => ChangeKind::SigningKeysChanged,
        }
    }

    /// Whom it concerns, as text.
    pub fn subject(&self) -> String {
        match self {
            Self::AllRevokedBefore(time) => time.to_string(),
            Self::GrantRevoked(id)
            | Self::TokenRevoked(id)
            | Self::UserRevoked(id)
            | Self::ClientRevoked(id)
            | Self::ResourceRevoked(id)
            | Self::KeyRevoked(id)
            | Self::ClientChanged(id)
            | Self::ResourceChanged(id)
            | Self::UserChanged(id)
            | Self::SigningKeysChanged(id) => (*id).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, ChangeKind};

    #[test]
    fn every_kind_survives_the_database() {
        for kind in ChangeKind::ALL {
            assert_eq!(ChangeKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(ChangeKind::parse("from the future"), None);
    }

    #[test]
    fn only_revocations_leave_the_house() {
        assert!(Change::GrantRevoked("g").kind().is_revocation());
        assert!(Change::AllRevokedBefore(7).kind().is_revocation());
        assert_eq!(Change::AllRevokedBefore(7).subject(), "7");
        assert!(!Change::ClientChanged("c").kind().is_revocation());
        assert!(!Change::SigningKeysChanged("k").kind().is_revocation());
    }
}
