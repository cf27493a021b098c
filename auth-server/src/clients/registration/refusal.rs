//! Why a registration is refused; each text is what the client's developer reads.

/// A registration that cannot be cut to something useful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationRefusal {
    /// An administrator closed registration.
    Closed,
    /// Not a JSON object, or one in which a member is named twice.
    NotAnObject,
    /// A member has another type than RFC 7591 §2 gives it.
    WrongType,
    /// A list with too many elements.
    ListTooLong,
    /// A text with too many characters.
    TextTooLong,
    /// A text with U+0000.
    Nul,
    /// A name that could pretend to be another.
    UnreadableName,
    /// None was sent.
    NoRedirectUri,
    /// None of them may be registered.
    NoAcceptableRedirectUri,
    /// Only grants that self-registered clients may not use.
    NoAcceptableGrant,
    /// The keys of a `private_key_jwt` client are no JWK Set of usable public keys.
    UnusableKeys,
    /// Only `private_key_jwt` was asked for, and no keys came along.
    NoKeys,
    /// Only `private_key_jwt` was asked for, with keys to be fetched.
    KeysByReference,
    /// `jwks` and `jwks_uri`.
    KeysTwice,
    /// More keys than are looked through.
    TooManyKeys,
    /// Several keys, and one has no id.
    KeysWithoutId,
    /// `token_endpoint_auth_signing_alg` is unknown, or fits none of the keys.
    SigningAlgorithm,
    /// A replacement that names no client, or another one.
    AnotherClient,
    /// A replacement with members that only this server writes.
    NotTheirs,
    /// A replacement with another secret than the client's own.
    ChosenSecret,
    /// A replacement by which a client would stop proving who it is.
    WouldStopAuthenticating,
    /// RFC 6749 §3.3.
    UnusableScope,
}

impl RegistrationRefusal {
    /// Whether the fault lies in the redirect URIs: `invalid_redirect_uri`, else `invalid_client_metadata` (RFC 7591 §3.2.2).
    pub fn is_about_redirect_uris(self) -> bool {
        matches!(self, Self::NoRedirectUri | Self::NoAcceptableRedirectUri)
    }

    /// The text for the wire.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Closed => "Registration is closed; only removal is possible.",
            Self::NotAnObject => "The body must be a JSON object that names each member once (RFC 7591 section 3.1).",
            Self::WrongType => {
                "A member has the wrong type: lists must be arrays of strings, everything else strings (RFC 7591 section 2)."
            }
            Self::ListTooLong => "A list is too long: at most 32 elements.",
            Self::TextTooLong => "A text is too long: names have at most 200 characters, URLs 2048.",
            Self::Nul => "No text may contain U+0000: it cannot be stored.",
            Self::UnreadableName => {
                "Names must not contain control characters, line breaks or marks that change the direction of writing."
            }
            Self::NoRedirectUri => "redirect_uris must name at least one redirect URI.",
            Self::NoAcceptableRedirectUri => {
                "None of the redirect URIs is acceptable: use https, http on 127.0.0.1, [::1] or localhost, or a scheme this \
                 server allows; without fragment, user information, wildcard or dot segments."
            }
            Self::NoAcceptableGrant => {
                "Clients that register themselves may use authorization_code and refresh_token; an administrator makes others."
            }
            Self::UnusableKeys => {
                "jwks must be a JWK Set of public signing keys: EC P-256, Ed25519 or RSA of 2048 to 8192 bits, each kid once, nothing \
                 private (RFC 7517 section 5)."
            }
            Self::NoKeys => "private_key_jwt needs the public keys inline, as jwks.",
            Self::KeysByReference => "jwks_uri is not fetched here: send the public keys inline, as jwks.",
            Self::KeysTwice => {
                "Send jwks alone: jwks_uri must not stand beside it (RFC 7591 section 2), and is not fetched here."
            }
            Self::TooManyKeys => "jwks has too many keys: at most 8.",
            Self::KeysWithoutId => "Each of several keys needs a kid.",
            Self::SigningAlgorithm => {
                "token_endpoint_auth_signing_alg must be ES256, RS256, PS256 or EdDSA, and one of the keys must be for it."
            }
            Self::AnotherClient => "client_id must be the client's own (RFC 7592 section 2.2).",
            Self::NotTheirs => {
                "Leave out registration_access_token, registration_client_uri, client_id_issued_at and client_secret_expires_at \
                 (RFC 7592 section 2.2)."
            }
            Self::ChosenSecret => "client_secret must be the client's own, or be left out (RFC 7592 section 2.2).",
            Self::WouldStopAuthenticating => {
                "A client that proves who it is cannot become a public one; register a new client instead."
            }
            Self::UnusableScope => "scope must be scope tokens of RFC 6749 section 3.3, separated by spaces.",
        }
    }
}

impl std::fmt::Display for RegistrationRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for RegistrationRefusal {}
