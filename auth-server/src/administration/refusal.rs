//! Why an operation was not done: the table from the causes of rules to what an administrator is told. Constant texts, in the shape of OAuth
//! errors with the name of the member that is to blame; of what the request said, nothing but the name
//! of an unknown member is repeated.

use super::{
    Call,
    schema::{Property, SchemaOf, properties},
};
use crate::{
    clients::{add_client::AddClientRefusal, change_client::ChangeClientRefusal},
    error::OAuthError,
    key_lifecycle::KeyLifecycleError,
    organizations::OrganizationRefusal,
    resources::{enrol_resource_server::EnrolRefusal, set_resource_tokens::SetTokensRefusal},
    tokens::lifetimes::REFRESH_GRACE_MAX_SECONDS,
    users::{add_user::AddUserError, change_user::ChangeUserRefusal, set_administrator::SetAdministratorRefusal},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shared::db::StoreError;
use std::borrow::Cow;

/// What an administrator is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, thiserror::Error)]
#[error("{error_description}")]
pub struct Refusal {
    /// A word for programs.
    pub error: &'static str,
    /// A sentence for people.
    pub error_description: Cow<'static, str>,
    /// The member or parameter that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<Cow<'static, str>>,
    /// The HTTP status.
    #[serde(skip)]
    pub status: StatusCode,
    /// Sent as `Retry-After`.
    #[serde(skip)]
    pub retry_after_seconds: Option<u32>,
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { error, error_description: description.into(), field: None, status, retry_after_seconds: None }
    }

    /// 400.
    pub(super) fn invalid(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 400: tells which member of `given` is unknown, missing or of another form, and which there are.
    pub fn malformed(schema: SchemaOf, given: &Value) -> Self {
        let declared = properties(schema);
        let Some(members) = given.as_object() else {
            let what = "It must be a JSON object in which no member stands twice.";
            return Self::invalid(format!("{what} There are: {}.", names(&declared)));
        };
        let value = |property: &Property| members.get(&property.name).filter(|value| !value.is_null());
        let unknown = members.keys().find(|name| declared.iter().all(|property| property.name != **name));
        let missing = declared.iter().find(|property| property.is_required && value(property).is_none());
        let misshapen = declared.iter().find(|property| value(property).is_some_and(|value| !property.takes(value)));
        let (what, field) = match (unknown, missing, misshapen) {
            (Some(name), ..) => ("is unknown", Some(name)),
            (None, Some(property), _) => ("is missing", Some(&property.name)),
            (None, None, Some(property)) => ("is of another form than is documented", Some(&property.name)),
            (None, None, None) => ("is of another form than is documented", None),
        };
        // A name is all that is repeated, and only where it could be one.
        let field = field.filter(|name| is_name(name));
        let subject = field.map_or("A member", String::as_str);
        let refusal = Self::invalid(format!("{subject} {what}. There are: {}.", names(&declared)));
        Self { field: field.map(|name| name.clone().into()), ..refusal }
    }

    /// 400: a cursor that was not given out for this list.
    pub(super) fn cursor() -> Self {
        Self::invalid("The cursor is none that this list gave out.").about("cursor")
    }

    /// 404.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing with this id.")
    }

    /// 409.
    pub(super) fn conflict(description: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", description)
    }

    /// 409.
    pub(super) fn last_owner_of(slug: &str) -> Self {
        let description = format!(
            "This is the last owner of the organization {slug}; make somebody else an owner, or disable it, first."
        );
        Self::new(StatusCode::CONFLICT, "conflict", description)
    }

    /// 409.
    pub(super) fn last_administrator() -> Self {
        Self::conflict("This is the last account that administers this installation; make another one first.")
    }

    /// 412.
    pub(super) fn changed_since() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", "It is not any more what If-Match names.")
    }

    /// The same refusal, with the name of the member that is to blame.
    #[must_use]
    pub(super) fn about(self, field: &'static str) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// Whether nothing was there to do it to.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }
}

fn names(declared: &[Property]) -> String {
    let name = |property: &Property| match property.is_required {
        true => format!("{} (required)", property.name),
        false => property.name.clone(),
    };
    declared.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn is_name(text: &str) -> bool {
    const MAX_CHARACTERS: usize = 64;
    (1..=MAX_CHARACTERS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self {
            retry_after_seconds: error.retry_after_seconds,
            ..Self::new(error.status, error.code.as_str(), error.description)
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(cause: StoreError) -> Self {
        OAuthError::from(cause).into()
    }
}

impl From<AddUserError> for Refusal {
    fn from(cause: AddUserError) -> Self {
        match cause {
            AddUserError::Fields(problems) => match (problems.email, problems.display_name) {
                (Some(what), _) => Self::invalid(what).about("email"),
                (None, Some(what)) => Self::invalid(what).about("display_name"),
                (None, None) => Self::invalid("The account cannot be made as asked."),
            },
            AddUserError::Taken => {
                Self::conflict("There is an account with this e-mail address already.").about("email")
            }
            AddUserError::Hash(cause) => {
                tracing::error!(%cause, "a password could not be hashed");
                OAuthError::unavailable().into()
            }
            AddUserError::Store(cause) => cause.into(),
        }
    }
}

impl From<AddClientRefusal> for Refusal {
    fn from(cause: AddClientRefusal) -> Self {
        let (field, description): (_, Cow<'static, str>) = match cause {
            AddClientRefusal::Name => ("client_name", "The name must be one line of 1 to 200 characters.".into()),
            AddClientRefusal::Grant(_) => {
                ("grant_types", "There are authorization_code, refresh_token and client_credentials.".into())
            }
            AddClientRefusal::PublicMachine => {
                ("grant_types", "client_credentials needs a client that can keep a secret.".into())
            }
            AddClientRefusal::UnboundMachine => {
                ("resources", "client_credentials needs fixed resources and a fixed scope.".into())
            }
            AddClientRefusal::NoRedirectUri => {
                ("redirect_uris", "authorization_code needs a redirect URI to send codes to.".into())
            }
            AddClientRefusal::RedirectUri(_, why) => {
                ("redirect_uris", format!("A redirect URI is not acceptable: {why}.").into())
            }
            AddClientRefusal::UnknownResource(_) => ("resources", "A resource is not registered here.".into()),
            AddClientRefusal::Scope(_) => ("scope", "The scope is not well formed.".into()),
            AddClientRefusal::UnknownScope(..) => ("scope", "The resources have no such scope.".into()),
            AddClientRefusal::Store(cause) => return cause.into(),
        };
        Self::invalid(description).about(field)
    }
}

impl From<OrganizationRefusal> for Refusal {
    fn from(cause: OrganizationRefusal) -> Self {
        match cause {
            OrganizationRefusal::Slug => {
                Self::invalid("A slug has at most 63 lower-case letters, digits and hyphens, none at either end.")
                    .about("slug")
            }
            OrganizationRefusal::Name => Self::invalid("A name is one line of at most 120 characters.").about("name"),
            OrganizationRefusal::TenantId => {
                Self::invalid("A tenant id has at most 200 visible ASCII characters.").about("tenant_id")
            }
            OrganizationRefusal::SlugTaken => {
                Self::conflict("There is an organization with this slug already.").about("slug")
            }
            OrganizationRefusal::UnknownOrganization
            | OrganizationRefusal::UnknownUser
            | OrganizationRefusal::NotMember => Self::not_found(),
            OrganizationRefusal::AlreadyMember | OrganizationRefusal::RoleChanged => {
                Self::conflict("The membership was changed at the same time.")
            }
            OrganizationRefusal::ChangedMeanwhile => Self::conflict("The organization was changed at the same time."),
            OrganizationRefusal::LastOwner => {
                Self::conflict("This is the organization's last owner; make somebody else an owner first.")
            }
            OrganizationRefusal::AlreadyDisabled | OrganizationRefusal::NotDisabled => {
                Self::conflict("The organization is in this state already.")
            }
            OrganizationRefusal::Account(cause) => cause.into(),
            OrganizationRefusal::Store(cause) => cause.into(),
        }
    }
}

impl From<KeyLifecycleError> for Refusal {
    fn from(cause: KeyLifecycleError) -> Self {
        match cause {
            KeyLifecycleError::Store(cause) => cause.into(),
            cause => {
                tracing::error!(%cause, "keys could not be changed");
                OAuthError::unavailable().into()
            }
        }
    }
}

/// How the refusal of a change is told: those that others made meanwhile depend on what the caller said to have seen.
pub(super) enum Change {
    Told(Refusal),
    Meanwhile,
}

impl Change {
    /// What the caller is told.
    pub(super) fn tell(self, call: &Call<'_>) -> Refusal {
        match self {
            Self::Told(refusal) => refusal,
            Self::Meanwhile => call.changed_meanwhile(),
        }
    }
}

impl From<ChangeUserRefusal> for Change {
    fn from(cause: ChangeUserRefusal) -> Self {
        Self::Told(match cause {
            ChangeUserRefusal::DisplayName => {
                Refusal::invalid("Use a shorter name, on one line.").about("display_name")
            }
            ChangeUserRefusal::ChangedMeanwhile => return Self::Meanwhile,
            ChangeUserRefusal::Role(SetAdministratorRefusal::UnknownUser) => Refusal::not_found(),
            ChangeUserRefusal::Role(SetAdministratorRefusal::LastAdministrator) => Refusal::last_administrator(),
            ChangeUserRefusal::Role(SetAdministratorRefusal::Store(cause)) | ChangeUserRefusal::Store(cause) => {
                cause.into()
            }
        })
    }
}

impl From<ChangeClientRefusal> for Change {
    fn from(cause: ChangeClientRefusal) -> Self {
        Self::Told(match cause {
            ChangeClientRefusal::NotAdministered => {
                Refusal::conflict("Only a client that an administrator made can be changed.")
            }
            ChangeClientRefusal::RefreshGrace => {
                Refusal::invalid(format!("The replay period must be from 0 to {REFRESH_GRACE_MAX_SECONDS} seconds."))
                    .about("refresh_grace_seconds")
            }
            ChangeClientRefusal::Unusable(cause) => cause.into(),
            ChangeClientRefusal::ChangedMeanwhile => return Self::Meanwhile,
            ChangeClientRefusal::Store(cause) => cause.into(),
        })
    }
}

impl From<EnrolRefusal> for Change {
    fn from(cause: EnrolRefusal) -> Self {
        Self::Told(match cause {
            EnrolRefusal::NotAnOrigin(_) => {
                Refusal::invalid("An origin is scheme, host and port without a path, such as https://mcp.example.com.")
                    .about("origins")
            }
            EnrolRefusal::NoOrigin => Refusal::invalid("Name at least one origin.").about("origins"),
            EnrolRefusal::Taken => Refusal::conflict("The client is no resource server, or was removed."),
            EnrolRefusal::ChangedMeanwhile => return Self::Meanwhile,
            EnrolRefusal::Store(cause) => cause.into(),
        })
    }
}

/// Of an organization that was seen, or of a membership that was there, or was not.
impl From<OrganizationRefusal> for Change {
    fn from(cause: OrganizationRefusal) -> Self {
        match cause {
            OrganizationRefusal::AlreadyMember
            | OrganizationRefusal::NotMember
            | OrganizationRefusal::RoleChanged
            | OrganizationRefusal::ChangedMeanwhile => Self::Meanwhile,
            other => Self::Told(other.into()),
        }
    }
}

impl From<SetTokensRefusal> for Change {
    fn from(cause: SetTokensRefusal) -> Self {
        Self::Told(match cause {
            SetTokensRefusal::Lifetime => {
                Refusal::invalid("Access tokens live from 60 to 86400 seconds.").about("access_token_ttl_seconds")
            }
            SetTokensRefusal::Unknown(_) => Refusal::not_found(),
            SetTokensRefusal::ChangedMeanwhile => return Self::Meanwhile,
            SetTokensRefusal::Store(cause) => cause.into(),
        })
    }
}
