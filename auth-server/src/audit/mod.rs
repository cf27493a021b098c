//! The audit log: typed events, recorded in the transaction of the act they tell of, so that neither exists without the other.

pub mod actor;
pub mod chain_events;
pub mod chain_key;
pub mod chain_link;
pub mod export_events;
pub mod forget_events;
pub mod verify_chain;

pub use actor::Actor;
pub use chain_events::chain_events;
pub use chain_key::ChainKey;
pub use export_events::export_events;
pub use forget_events::forget_events;
pub use verify_chain::verify_chain;

use crate::store::audit_event::{self, AuditRow};
use clap::ValueEnum;
use schemars::JsonSchema;
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
    http::current_request,
    random::{Random, random_id},
};

/// What happened. A registration is not among it: anybody may register, events stay, and what stands in `client` (when, from
/// where) tells the same for as long as the client lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, ValueEnum)]
#[schemars(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum AuditKind {
    /// A refresh token was presented whose family had moved on: the family is revoked.
    RefreshTokenTheft,
    /// A refresh token was answered again for an address block its family had not been seen from.
    RefreshFromNewAddressBlock,
    /// A refresh token was presented by another client than its own.
    RefreshTokenOfAnotherClient,
    /// An authorization code was presented a second time: its grant is revoked.
    CodeReplayed,
    /// The first presentation of a code was refused; the code is burnt.
    CodeRefused,
    /// A client did not prove who it is; once an hour for each client and block of addresses.
    ClientAuthenticationFailed,
    /// A machine took tokens from a block of addresses; once an hour, by each process that answered.
    MachineTokensTaken,
    /// A user allowed a client something.
    GrantMade,
    /// A user allowed a client more, in a grant that it had; the detail says what.
    GrantWidened,
    /// A user refused a client something.
    ConsentDenied,
    /// A grant was revoked by a person.
    GrantRevoked,
    /// A client gave a refresh token back: its grant is revoked.
    GrantRevokedByClient,
    /// Every grant and every token that was issued until then was revoked.
    AllRevoked,
    /// A client gave an access token back.
    AccessTokenRevoked,
    /// A client asked to end a token of another one; nothing was done.
    RevocationByAnotherClient,
    /// A user signed in.
    SignedIn,
    /// A sign-in was refused.
    SignInRefused,
    /// So many sign-ins were refused within an hour that the next ones are not recorded singly.
    SignInsRefusedByTheThousand,
    /// A user signed out.
    SignedOut,
    /// Every session of a user was ended.
    SessionsEnded,
    /// A user replaced their password.
    PasswordChanged,
    /// A user tried to replace their password, but does not know it.
    PasswordChangeRefused,
    /// A link was made through which a user chooses a password.
    PasswordLinkMade,
    /// A password was set through a one-time link.
    PasswordSet,
    /// A link was made through which the first administrator can be made.
    SetUpLinkMade,
    /// The first administrator was made.
    AdministratorMade,
    /// An account was made.
    UserAdded,
    /// An account was renamed by an administrator.
    UserChanged,
    /// An account was disabled.
    UserDisabled,
    /// A closed account was opened again.
    UserEnabled,
    /// An administrator ended browser sessions of a user.
    SessionEnded,
    /// An account came to administer the installation, or ceased to.
    UserRolesChanged,
    /// An organization was made.
    OrganizationAdded,
    /// An organization was closed.
    OrganizationDisabled,
    /// A closed organization was opened again.
    OrganizationEnabled,
    /// An organization got another name.
    OrganizationRenamed,
    /// Somebody was taken into an organization.
    MemberAdded,
    /// A member of an organization has another role.
    MemberRoleChanged,
    /// Somebody does not belong to an organization any more.
    MemberRemoved,
    /// A person was erased: what is left of them are pseudonyms.
    UserErased,
    /// The oldest events were forgotten by age; the target says which.
    EventsForgotten,
    /// A client was made by an administrator.
    ClientAdded,
    /// A client was changed by an administrator.
    ClientChanged,
    /// A client was removed.
    ClientRemoved,
    /// A client that registered itself replaced its registration.
    RegistrationReplaced,
    /// A client that registered itself ended its registration.
    RegistrationRemoved,
    /// A client was given another secret.
    ClientSecretRotated,
    /// A resource server was enrolled.
    ResourceServerAdded,
    /// The keys or origins of a resource server were replaced.
    ResourceServerChanged,
    /// How the tokens of a resource are signed and how long they live was set; the detail is its id.
    ResourceTokensSet,
    /// A resource was removed by an administrator.
    ResourceRemoved,
    /// A next signing key was published; the detail is its id.
    SigningKeyPublished,
    /// A next signing key was told to sign earlier than planned.
    SigningKeyHurried,
    /// A signing key began to sign; the one before it stopped.
    SigningKeyActivated,
    /// A signing key was revoked because it may have been stolen.
    SigningKeyRevoked,
    /// A retired signing key ended; its private half is wiped.
    SigningKeyGone,
    /// The key of new families of refresh tokens was replaced.
    SuccessorKeyReplaced,
    /// What was sealed under older key-encryption keys is sealed under the current one, whose id is the detail.
    KeyEncryptionKeyReplaced,
    /// A resource was registered, or its scopes, roles or tools were changed.
    ResourceChanged,
}

impl AuditKind {
    /// What is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshTokenTheft => "refresh_token_theft",
            Self::RefreshFromNewAddressBlock => "refresh_from_new_address_block",
            Self::RefreshTokenOfAnotherClient => "refresh_token_of_another_client",
            Self::CodeReplayed => "code_replayed",
            Self::CodeRefused => "code_refused",
            Self::ClientAuthenticationFailed => "client_authentication_failed",
            Self::MachineTokensTaken => "machine_tokens_taken",
            Self::ConsentDenied => "consent_denied",
            Self::GrantMade => "grant_made",
            Self::GrantWidened => "grant_widened",
            Self::GrantRevoked => "grant_revoked",
            Self::GrantRevokedByClient => "grant_revoked_by_client",
            Self::AllRevoked => "all_revoked",
            Self::AccessTokenRevoked => "access_token_revoked",
            Self::RevocationByAnotherClient => "revocation_by_another_client",
            Self::SignedIn => "signed_in",
            Self::SignInRefused => "sign_in_refused",
            Self::SignInsRefusedByTheThousand => "sign_ins_refused_by_the_thousand",
            Self::SessionsEnded => "sessions_ended",
            Self::PasswordChanged => "password_changed",
            Self::PasswordChangeRefused => "password_change_refused",
            Self::SignedOut => "signed_out",
            Self::PasswordLinkMade => "password_link_made",
            Self::PasswordSet => "password_set",
            Self::SetUpLinkMade => "set_up_link_made",
            Self::AdministratorMade => "administrator_made",
            Self::UserAdded => "user_added",
            Self::UserChanged => "user_changed",
            Self::SessionEnded => "session_ended",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::UserRolesChanged => "user_roles_changed",
            Self::OrganizationAdded => "organization_added",
            Self::OrganizationDisabled => "organization_disabled",
            Self::OrganizationEnabled => "organization_enabled",
            Self::OrganizationRenamed => "organization_renamed",
            Self::MemberAdded => "member_added",
            Self::MemberRoleChanged => "member_role_changed",
            Self::MemberRemoved => "member_removed",
            Self::UserErased => "user_erased",
            Self::EventsForgotten => "events_forgotten",
            Self::ClientAdded => "client_added",
            Self::ClientChanged => "client_changed",
            Self::ClientRemoved => "client_removed",
            Self::RegistrationReplaced => "registration_replaced",
            Self::RegistrationRemoved => "registration_removed",
            Self::ClientSecretRotated => "client_secret_rotated",
            Self::ResourceServerAdded => "resource_server_added",
            Self::ResourceChanged => "resource_changed",
            Self::ResourceServerChanged => "resource_server_changed",
            Self::ResourceTokensSet => "resource_tokens_set",
            Self::ResourceRemoved => "resource_removed",
            Self::SigningKeyPublished => "signing_key_published",
            Self::SigningKeyHurried => "signing_key_hurried",
            Self::SigningKeyActivated => "signing_key_activated",
            Self::SigningKeyRevoked => "signing_key_revoked",
            Self::SigningKeyGone => "signing_key_gone",
            Self::SuccessorKeyReplaced => "successor_key_replaced",
            Self::KeyEncryptionKeyReplaced => "key_encryption_key_replaced",
        }
    }
}

/// An event and whom it concerns, by pseudonymous ids only.
///
/// Make it before the transaction: its id is random, and a transaction may run twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    row: AuditRow,
}

impl AuditEvent {
    /// An event of this kind that happened at `now`; on behalf of a request it says which, and from what block of addresses that came.
    pub fn new(kind: AuditKind, random: &dyn Random, now: UnixSeconds) -> Self {
        let request = current_request();
        let row = AuditRow {
            id: random_id(random),
            at: now,
            kind: kind.as_str().to_owned(),
            actor: None,
            actor_user_id: None,
            actor_person: None,
            actor_client_id: None,
            user_id: None,
            person: None,
            client_id: None,
            grant_id: None,
            target: None,
            address_block: request.map(|request| request.client.block().to_string()),
            detail: None,
            request_id: request.map(|request| request.id.to_string()),
            link: None,
        };
        Self { row }
    }

    /// Concerns this user.
    #[must_use]
    pub fn user(mut self, id: &str) -> Self {
        self.row.user_id = Some(id.to_owned());
        self
    }

    /// Concerns this client.
    #[must_use]
    pub fn client(mut self, id: &str) -> Self {
        self.row.client_id = Some(id.to_owned());
        self
    }

    /// Concerns this grant.
    #[must_use]
    pub fn grant(mut self, id: &str) -> Self {
        self.row.grant_id = Some(id.to_owned());
        self
    }

    /// What else there is to say: words and ids of ours, never anything of a person.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.row.detail = Some(detail.to_owned());
        self
    }

    /// Concerns something else that has a name of its own: a resource, a key, an organization.
    #[must_use]
    pub fn target(mut self, name: &str) -> Self {
        self.row.target = Some(name.to_owned());
        self
    }

    /// Who did it.
    #[must_use]
    pub fn by(mut self, actor: &Actor) -> Self {
        self.row.actor = Some(actor.as_str().to_owned());
        self.row.actor_user_id = actor.user_id().map(str::to_owned);
        self.row.actor_client_id = actor.client_id().map(str::to_owned);
        self
    }

    /// This user did it, about their own affairs, on our pages.
    #[must_use]
    pub fn by_user(self, id: &str) -> Self {
        self.by(&Actor::Person { user_id: id.to_owned() })
    }

    /// This client did it by itself.
    #[must_use]
    pub fn by_client(self, id: &str) -> Self {
        self.by(&Actor::Machine { client_id: id.to_owned() })
    }
}

/// Appends the event in the caller's transaction.
///
/// # Errors
/// The database does not answer; then the act must not happen either.
pub async fn record(tx: &mut Tx, event: &AuditEvent) -> Result<(), StoreError> {
    audit_event::insert(tx, &event.row).await
}

#[cfg(test)]
mod tests {
    use super::AuditKind;
    use crate::administration::schema::words;
    use clap::ValueEnum as _;
    use schemars::schema_for;

    #[test]
    fn a_kind_is_asked_for_as_it_is_stored() {
        let described = words(schema_for!(AuditKind).as_value());
        assert_eq!(described, AuditKind::value_variants().iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
        for kind in AuditKind::value_variants() {
            assert_eq!(AuditKind::from_str(kind.as_str(), false), Ok(*kind));
        }
    }
}
