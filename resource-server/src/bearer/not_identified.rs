//! Why a token says nothing about who calls.

use super::extract::NoToken;
use shared::{protocol::jwt::JwtRefusal, rate_limit::RateDecision};

/// Why nobody is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIdentified {
    /// There is no token, or not one.
    NoToken(NoToken),
    /// There is one, and it is not good.
    Refused(JwtRefusal),
    /// There is one whose signature is its issuer's, and what it says makes it no good here.
    Unfit(JwtRefusal),
    /// There is one that names a key which the issuer has withdrawn: its client is to get another one, and forged nothing.
    WithdrawnKey,
    /// There is one that verified, and whoever made it says that it is over.
    Inactive,
    /// There is one that whoever was asked about it does not know.
    Unknown,
    /// There is one that whoever was asked about it will not look at.
    Declined,
    /// It cannot be judged just now: there are no keys, or nobody answers.
    NotNow,
    /// It names a key that nobody knew when its issuer was asked last, and was made since: it may be good.
    NotYet,
    /// Its signature was not looked at, as far as its sender can tell: too many wrong ones came from where it came from.
    Untried,
    /// Nobody was asked about it, because whoever sent it sent too many that nobody made.
    Spent(RateDecision),
}

impl NotIdentified {
    /// Whether it counts against whoever sent the token: it was nobody's, as far as can be told.
    pub fn is_guess(self) -> bool {
        match self {
            Self::Refused(refusal) => is_forged(refusal),
            Self::Unknown | Self::Declined => true,
            Self::NoToken(_)
            | Self::Unfit(_)
            | Self::WithdrawnKey
            | Self::Inactive
            | Self::NotNow
            | Self::NotYet
            | Self::Untried
            | Self::Spent(_) => false,
        }
    }
}

/// Whether a refused token was never made by anybody who is trusted. Those count against whoever sends them; an honest client's expired
/// token does not. The issuer is read first and the signature is checked before all other claims, so a refusal about one of those means that
/// the issuer made it.
fn is_forged(refusal: JwtRefusal) -> bool {
    match refusal {
        JwtRefusal::TooLong
        | JwtRefusal::Malformed
        | JwtRefusal::Type
        | JwtRefusal::Algorithm
        | JwtRefusal::Critical
        | JwtRefusal::OwnKey
        | JwtRefusal::MissingKid
        | JwtRefusal::UnknownKid
        | JwtRefusal::Claim("iss")
        | JwtRefusal::Issuer
        | JwtRefusal::Signature => true,
        JwtRefusal::Claim(_)
        | JwtRefusal::Claims
        | JwtRefusal::Subject
        | JwtRefusal::Audience
        | JwtRefusal::Expired
        | JwtRefusal::NotYetValid
        | JwtRefusal::Lifetime
        | JwtRefusal::SenderConstrained => false,
    }
}
