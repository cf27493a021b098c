//! Why a token is not believed.

/// The internal cause; what reaches the wire is `invalid_token`, `invalid_client` or `invalid_grant` with a constant description. It holds
/// nothing of the token, so it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum JwtRefusal {
    /// Over [`super::JWT_MAX_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url, not JSON objects, or a member named twice.
    #[error("the token is malformed")]
    Malformed,
    /// `typ` is that of another kind of token (RFC 8725 §3.11).
    #[error("the token is of another type")]
    Type,
    /// `alg` is not on the list, or not the key's (RFC 8725 §3.1).
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// `crit` or `b64` is there: extensions that are not understood (RFC 7515 §4.1.11, RFC 7797 §6).
    #[error("the token needs an extension")]
    Critical,
    /// `jwk`, `jku`, `x5u` or `x5c` is there: a token does not bring its own key (RFC 8725 §3.10).
    #[error("the token names its own key")]
    OwnKey,
    /// No usable `kid` where one is needed to choose the key.
    #[error("the token names no key")]
    MissingKid,
    /// No key of this `kid`: fetch the keys again, then ask again.
    #[error("the key of the token is unknown")]
    UnknownKid,
    /// The signature is not that key's.
    #[error("the signature is wrong")]
    Signature,
    /// This claim is missing, of a wrong type or out of bounds.
    #[error("the claim {0} is missing or malformed")]
    Claim(&'static str),
    /// The claims together are not those of this kind of token.
    #[error("the claims are malformed")]
    Claims,
    /// `iss` is another issuer, or in a client assertion another client.
    #[error("the issuer is another")]
    Issuer,
    /// `sub` of a client assertion is another client.
    #[error("the subject is another")]
    Subject,
    /// `aud` is another, or an array.
    #[error("the audience is another")]
    Audience,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is ahead of the clock by more than the tolerance.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` is further ahead than this kind of token may live.
    #[error("the token lives too long")]
    Lifetime,
    /// It is bound to a key (`cnf`, RFC 7800 §3) and was presented as a bearer token.
    #[error("the token is bound to a key")]
    SenderConstrained,
}
