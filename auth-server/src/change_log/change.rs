//! What may stand in the change log.

use shared::protocol::security_event::RevocationKind;

/// The kinds of rows. Revocations are delivered to resource servers; the others only wake this server's own caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A grant ended; the subject is its id.
    Grant,
    /// One access token ended; the subject is its `jti`.
    Jti,
    /// One static token ended; the subject is its id.
    StaticToken,
    /// Everything a user holds ended; the subject is the user's id.
    User,
    /// What a user holds in one organization ended; the subject is made by
    /// [`user_in_organization_subject`](shared::protocol::security_event::user_in_organization_subject).
    UserInOrganization,
    /// What was granted in an organization ended; the subject is its id.
    Organization,
    /// Everything a client holds ended; the subject is its id.
    Client,
    /// Every token for a resource ended; the subject is its id.
    Resource,
    /// A signing key was stolen; the subject is its `kid`.
    Kid,
    /// Everything issued until then ended; the subject is empty.
    AllBefore,
    /// A client was made or altered.
    ClientChanged,
    /// A resource was registered, altered or removed.
    ResourceChanged,
    /// A user was made or altered.
    UserChanged,
    /// An organization or its members changed; the subject is its id.
    OrganizationChanged,
    /// A signing key came, went or changed its state.
    SigningKeysChanged,
}

impl ChangeKind {
    const ALL: [Self; 15] = [
        Self::Grant,
        Self::Jti,
        Self::StaticToken,
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
        Self::OrganizationChanged,
        Self::SigningKeysChanged,
    ];

    /// The word that the database holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Jti => "jti",
            Self::StaticToken => "static_token",
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
            Self::OrganizationChanged => "organization_changed",
            Self::SigningKeysChanged => "signing_keys_changed",
        }
    }

    /// The kind that a stored word names; `None` for one written by a newer version.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether what it concerns comes back, so that only tokens issued until then are ended.
    pub const fn ends_what_was_issued_until_then(self) -> bool {
        matches!(
            self,
            Self::User
                | Self::UserInOrganization
                | Self::Organization
                | Self::Client
                | Self::Resource
                | Self::AllBefore
        )
    }

    /// What resource servers hear of it; `None` for what only wakes this server's own caches.
    pub const fn revocation(self) -> Option<RevocationKind> {
        Some(match self {
            Self::Grant => RevocationKind::Grant,
            Self::Jti => RevocationKind::Jti,
            Self::StaticToken => RevocationKind::StaticToken,
            Self::User => RevocationKind::User,
            Self::UserInOrganization => RevocationKind::UserInOrganization,
            Self::Organization => RevocationKind::Organization,
            Self::Client => RevocationKind::Client,
            Self::Resource => RevocationKind::Resource,
            Self::Kid => RevocationKind::Kid,
            Self::AllBefore => RevocationKind::AllBefore,
            Self::ClientChanged
            | Self::ResourceChanged
            | Self::UserChanged
            | Self::OrganizationChanged
            | Self::SigningKeysChanged => return None,
        })
    }
}

/// One thing to append: its kind and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// A grant was revoked, by id.
    GrantRevoked(&'a str),
    /// An access token was revoked, by `jti`.
    TokenRevoked(&'a str),
    /// A user was disabled, or may do less than before: every access token the user holds ended.
    UserRevoked(&'a str),
    /// A user left an organization, or may do less in it than before: every access token for the two ended. The subject is made by
    /// [`user_in_organization_subject`](shared::protocol::security_event::user_in_organization_subject).
    UserInOrganizationRevoked(&'a str),
    /// An organization was closed: every token for it ended.
    OrganizationRevoked(&'a str),
    /// A client was removed: everything it holds ended.
    ClientRevoked(&'a str),
    /// A resource was removed: every token for it ended.
    ResourceRevoked(&'a str),
    /// A signing key was stolen.
    KeyRevoked(&'a str),
    /// Everything that was issued until now ended.
    AllRevoked,
    /// A client was made, altered or confirmed.
    ClientChanged(&'a str),
    /// A resource was registered or altered.
    ResourceChanged(&'a str),
    /// A user was made or altered.
    UserChanged(&'a str),
    /// An organization was made, opened again, or has other members.
    OrganizationChanged(&'a str),
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
            Self::UserInOrganizationRevoked(_) => ChangeKind::UserInOrganization,
            Self::OrganizationRevoked(_) => ChangeKind::Organization,
            Self::ClientRevoked(_) => ChangeKind::Client,
            Self::ResourceRevoked(_) => ChangeKind::Resource,
            Self::KeyRevoked(_) => ChangeKind::Kid,
            Self::AllRevoked => ChangeKind::AllBefore,
            Self::ClientChanged(_) => ChangeKind::ClientChanged,
            Self::ResourceChanged(_) => ChangeKind::ResourceChanged,
            Self::UserChanged(_) => ChangeKind::UserChanged,
            Self::OrganizationChanged(_) => ChangeKind::OrganizationChanged,
            Self::SigningKeysChanged(_) => ChangeKind::SigningKeysChanged,
        }
    }

    /// Whom it concerns.
    pub const fn subject(&self) -> &str {
        match self {
            Self::AllRevoked => "",
            Self::GrantRevoked(id)
            | Self::TokenRevoked(id)
            | Self::UserRevoked(id)
            | Self::UserInOrganizationRevoked(id)
            | Self::OrganizationRevoked(id)
            | Self::ClientRevoked(id)
            | Self::ResourceRevoked(id)
            | Self::KeyRevoked(id)
            | Self::ClientChanged(id)
            | Self::ResourceChanged(id)
            | Self::UserChanged(id)
            | Self::OrganizationChanged(id)
            | Self::SigningKeysChanged(id) => id,
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
        assert!(Change::GrantRevoked("g").kind().revocation().is_some());
        assert!(Change::ClientChanged("c").kind().revocation().is_none());
        assert!(Change::SigningKeysChanged("k").kind().revocation().is_none());
        assert_eq!(Change::GrantRevoked("g").subject(), "g");
    }
}
