//! What a request presents, before anything is looked up: one method and one client id, or it is refused.

use super::{
    AuthenticationError, FailureCause,
    basic::{self, PresentedSecret},
    private_key_jwt,
};
use crate::parameters::Parameters;
use http::{HeaderMap, header};
use shared::{protocol::jwt::CLIENT_ASSERTION_TYPE, secret::Secret};

/// How a secret travelled. Both ways are taken from every client that has a secret: clients choose by the metadata, not by
/// what they registered (`docs/divergences.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretChannel {
    /// HTTP Basic.
    Basic,
    /// The form.
    Post,
}

/// The one thing a request presents.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A public client says who it is.
    None {
        /// `client_id` of the form.
        client_id: String,
    },
    /// `client_secret_basic` or `client_secret_post`.
    Secret {
        /// The client it names.
        client_id: String,
        /// The secret.
        secret: PresentedSecret,
        /// How it travelled.
        channel: SecretChannel,
    },
    /// `private_key_jwt`.
    Assertion {
        /// The subject of the assertion, not verified yet.
        client_id: String,
        /// The assertion.
        assertion: Secret,
    },
}

impl Credentials {
    /// Reads headers and form.
    ///
    /// # Errors
    /// [`AuthenticationError::Ambiguous`], [`AuthenticationError::Missing`], or `Failed` for a header or an assertion
    /// that cannot be read.
    pub fn of(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, AuthenticationError> {
        let in_form = parameters.get("client_id");
        let secret = parameters.get("client_secret");
        let assertion = parameters.get("client_assertion");
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        let authorization = authorizations.next();
        let methods = [authorization.is_some(), secret.is_some(), assertion.is_some()];
        if methods.into_iter().filter(|used| *used).count() > 1 || authorizations.next().is_some() {
            return Err(AuthenticationError::Ambiguous);
        }
        let credentials = if let Some(header) = authorization {
            let read = basic::parse(header).ok_or(failed(FailureCause::Header, true))?;
            Self::Secret { client_id: read.client_id, secret: read.secret, channel: SecretChannel::Basic }
        } else if let Some(assertion) = assertion {
            Self::from_assertion(assertion, parameters)?
        } else {
            let client_id = in_form.ok_or(AuthenticationError::Missing)?.to_owned();
            match secret {
                None => Self::None { client_id },
                Some(secret) => Self::Secret {
                    client_id,
                    secret: PresentedSecret { raw: Secret::new(secret), decoded: None },
                    channel: SecretChannel::Post,
                },
            }
        };
        if in_form.is_some_and(|id| id != credentials.client_id()) {
            return Err(AuthenticationError::Ambiguous);
        }
        Ok(credentials)
    }

    fn from_assertion(assertion: &str, parameters: &Parameters) -> Result<Self, AuthenticationError> {
        if parameters.get("client_assertion_type") != Some(CLIENT_ASSERTION_TYPE) {
            return Err(failed(FailureCause::Assertion, false));
        }
        let client_id = private_key_jwt::claimed_client_id(assertion).ok_or(failed(FailureCause::Assertion, false))?;
        Ok(Self::Assertion { client_id, assertion: Secret::new(assertion) })
    }

    /// The client that is named.
    pub fn client_id(&self) -> &str {
        match self {
            Self::None { client_id } | Self::Secret { client_id, .. } | Self::Assertion { client_id, .. } => client_id,
        }
    }

    /// Whether HTTP Basic was used (RFC 6749 §5.2 wants its challenge then).
    pub fn used_basic(&self) -> bool {
        matches!(self, Self::Secret { channel: SecretChannel::Basic, .. })
    }
}

fn failed(cause: FailureCause, used_basic: bool) -> AuthenticationError {
    AuthenticationError::Failed { cause, used_basic }
}

#[cfg(test)]
mod tests {
    use super::{CLIENT_ASSERTION_TYPE, Credentials};
    use crate::{clients::authenticate::AuthenticationError, parameters::Parameters};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use http::{HeaderMap, header};

    fn read(basic: Option<&str>, form: &str) -> Result<Credentials, AuthenticationError> {
        let mut headers = HeaderMap::new();
        if let Some(text) = basic {
            let value = format!("Basic {}", STANDARD.encode(text)).parse().expect("header");
            headers.insert(header::AUTHORIZATION, value);
        }
        Credentials::of(&headers, &Parameters::from_query(Some(form)).expect("form"))
    }

    #[test]
    fn one_method_and_one_id() {
        assert_eq!(read(None, "client_id=c").expect("public").client_id(), "c");
        assert!(read(Some("c:s"), "client_id=c").expect("the same id twice is fine").used_basic());
        assert!(matches!(read(None, "client_id=c&client_secret=s"), Ok(Credentials::Secret { .. })));
        assert!(matches!(read(Some("c:s"), "client_secret=s"), Err(AuthenticationError::Ambiguous)));
        assert!(matches!(read(Some("c:s"), "client_id=d"), Err(AuthenticationError::Ambiguous)));
        assert!(matches!(
            read(None, "client_id=c&client_secret=s&client_assertion=x"),
            Err(AuthenticationError::Ambiguous)
        ));
        assert!(matches!(read(None, "grant_type=x"), Err(AuthenticationError::Missing)));
        assert!(matches!(read(None, "client_secret=s"), Err(AuthenticationError::Missing)));
    }

    #[test]
    fn an_assertion_needs_its_type_and_a_subject() {
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"sub":"c"}"#);
        let typed =
            |assertion: &str| format!("client_assertion_type={CLIENT_ASSERTION_TYPE}&client_assertion={assertion}");
        let good = read(None, &typed(&format!("e30.{payload}.c2ln"))).expect("assertion");
        assert_eq!(good.client_id(), "c");
        assert!(read(None, &format!("client_assertion=e30.{payload}.c2ln")).is_err());
        for bad in ["x", "e30.e30.x", "e30.!!.x", "a.b"] {
            assert!(matches!(read(None, &typed(bad)), Err(AuthenticationError::Failed { .. })), "{bad}");
        }
    }
}
