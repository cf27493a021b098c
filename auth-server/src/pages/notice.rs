//! Everything that can go wrong on a page, in words for the person who meets it.

use crate::{authorization::PageRefusal, parameters::FormError};

/// What a page has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The authorization request cannot be answered to the client.
    Request(PageRefusal),
    /// There is nothing at this address.
    NotFound,
    /// The form cannot be read.
    Form(FormError),
    /// The form was sent from another site, or its token is not this session's.
    ForeignForm,
    /// A set-up link that does not work.
    SetUpLink,
    /// A password link that does not work.
    ResetLink,
    /// A link to allow more, for a grant that has ended or is not of whoever is signed in.
    StepUpLink,
    /// Too many passwords wait to be checked.
    Busy,
    /// The form did not arrive whole, or not in time.
    BrokenOff,
    /// The database does not answer.
    Unavailable,
}

/// The words of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// The HTTP status.
    pub status: u16,
    /// In a few words.
    pub title: &'static str,
    /// What is the matter.
    pub what: &'static str,
    /// What to do next.
    pub next: &'static str,
}

const fn words(status: u16, title: &'static str, what: &'static str, next: &'static str) -> Words {
    Words { status, title, what, next }
}

const UNAVAILABLE: Words = words(
    503,
    "Not available right now",
    "The server cannot reach something it needs. Nothing was decided or changed.",
    "Wait a moment, then load this page again.",
);

impl Notice {
    /// What the page says, and its status.
    pub const fn words(self) -> Words {
        match self {
            Self::Request(refusal) => request_words(refusal),
            Self::NotFound => words(
                404,
                "There is nothing here",
                "This address is not one of this server’s.",
                "Check what you typed, or go back to the application that sent you here.",
            ),
            Self::Form(FormError::TooLarge) => words(
                413,
                "That was too much",
                "The form is larger than this server accepts.",
                "Go back and shorten what you entered.",
            ),
            Self::Form(FormError::ContentType) => {
                words(415, "That was not a form", "This address takes forms only.", "Go back and start again.")
            }
            Self::Form(_) => words(
                400,
                "That could not be read",
                "The form was sent in a way that this server does not understand.",
                "Go back, load the page again and retry.",
            ),
            Self::ForeignForm => words(
                403,
                "This form is not from here",
                "It was sent from another site, or belongs to another sign-in. To keep your account safe, nothing was done.",
                "Go back to the application that sent you here and start again.",
            ),
            Self::SetUpLink => words(
                410,
                "This link does not work any more",
                "Set-up links work once, for one hour, until the first account is made.",
                "If there is no account yet, start the server again: it prints a new link. Otherwise sign in.",
            ),
            Self::StepUpLink => words(
                410,
                "This link is not for you, or not any more",
                "What an application may do can be widened by the account that allowed it, for as long as that lasts.",
                "Sign in with that account, or go back to the application and connect it again.",
            ),
            Self::ResetLink => words(
                410,
                "This link does not work any more",
                "Password links work once, for one hour, and a newer one replaces an older one.",
                "Ask whoever gave it to you for a new link.",
            ),
            Self::Busy => words(
                503,
                "Very busy right now",
                "Too many people are signing in at this moment.",
                "Wait a few seconds, then try again.",
            ),
            Self::BrokenOff => words(
                408,
                "The form did not arrive",
                "It broke off on the way, so nothing was done.",
                "Check the connection, go back and send it again.",
            ),
            Self::Unavailable => UNAVAILABLE,
        }
    }

    /// When to try again, in seconds.
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self.words().status {
            503 => Some(5),
            _ => None,
        }
    }
}

const fn request_words(refusal: PageRefusal) -> Words {
    match refusal {
        PageRefusal::Parameters => words(
            400,
            "This request cannot be read",
            "The application sent a request that is repeated, too long or not text.",
            "It is a mistake in the application; tell its maker.",
        ),
        PageRefusal::UnknownClient => words(
            400,
            "This application is not known here",
            "It is not registered with this server, or its registration has ended.",
            "Go back to the application, remove the connection and connect again: it will register anew.",
        ),
        PageRefusal::RedirectUriMissing => words(
            400,
            "The way back is missing",
            "The application did not say where to send you afterwards, and it registered more than one address.",
            "It is a mistake in the application; tell its maker.",
        ),
        PageRefusal::RedirectUriUnregistered => words(
            400,
            "The way back is not the application’s",
            "The address to send you to afterwards is not one that the application registered. It may be an attempt to steal access, so you stay here.",
            "If you started this yourself, remove the connection in the application and connect again.",
        ),
        PageRefusal::StateTooLong => words(
            400,
            "This request is too long",
            "The application sent more along than can be sent back.",
            "It is a mistake in the application; tell its maker.",
        ),
        PageRefusal::Expired => words(
            400,
            "This took too long",
            "For your safety a request waits ten minutes, and this one is older, or you were signed out meanwhile.",
            "Go back to the application and start again.",
        ),
        PageRefusal::Forged => words(
            400,
            "This form is not from here",
            "What it carries was not made by this server, or was changed on the way.",
            "Go back to the application and start again.",
        ),
        PageRefusal::AlreadyDecided => words(
            409,
            "You have decided this already",
            "A decision counts once; it was sent to the application.",
            "Close this page. To decide anew, start again from the application.",
        ),
        PageRefusal::Unavailable => UNAVAILABLE,
    }
}

impl From<PageRefusal> for Notice {
    fn from(refusal: PageRefusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<FormError> for Notice {
    fn from(cause: FormError) -> Self {
        Self::Form(cause)
    }
}
