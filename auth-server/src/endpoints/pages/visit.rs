//! One request of a browser: who is signed in, what was sent, and how whatever stops it becomes a page.

use super::{
    cookie::Cookie,
    page,
    same_origin::{is_same_origin, may_come_from_link},
};
use crate::parameters::{FormError, Parameters};
use crate::{
    app::App,
    authorization::{AuthorizationError, PageRefusal},
    pages::{Link, MessagePage, Notice, Site},
    router::paths,
    users::{Session, User, known_device, password_hash::PasswordHashError, session},
};
use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::{
    clock::UnixSeconds,
    db::StoreError,
    http::{BodyLimit, BodyRefusal, OAUTH_BODY_BYTES, RequestId, read_body},
    protocol::opaque_token::OpaqueToken,
};

/// What handlers of pages share.
pub(in crate::endpoints) struct Visit<'a> {
    pub(super) app: &'a App,
    pub(super) now: UnixSeconds,
    pub(super) site: Site,
    pub(super) cookie: Cookie,
    device: Cookie,
    headers: &'a HeaderMap,
    request_id: &'a RequestId,
}

/// Why a handler does not answer with its own page.
pub(in crate::endpoints) enum Stop {
    /// A page that says why.
    Notice(Notice),
    /// A way elsewhere.
    Redirect(String),
    /// The client is told.
    Refused(AuthorizationError),
    /// The browser loads ahead; when the person comes, it asks again.
    Ahead,
}

impl<'a> Visit<'a> {
    /// Reads the clock: once a request.
    pub(in crate::endpoints) fn new(app: &'a App, headers: &'a HeaderMap, request_id: &'a RequestId) -> Self {
        let (cookie, device) = (Cookie::session(&app.issuer), Cookie::known_device(&app.issuer));
        Self { app, now: app.clock.now(), site: Site::of(&app.issuer), cookie, device, headers, request_id }
    }

    /// Who is signed in in this browser.
    pub(super) async fn session(&self) -> Result<Option<Session>, Stop> {
        match self.cookie.read(self.headers) {
            Some(cookie) => Ok(session::find(&self.app.store, self.app.session_lifetimes, cookie, self.now).await?),
            None => Ok(None),
        }
    }

    /// Whether the browser loads ahead of a person who may never come (Fetch, `Sec-Purpose`; older browsers: `Purpose`, `X-Moz`).
    pub(super) fn is_ahead_of_the_person(&self) -> bool {
        let says = |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().windows(3).any(|part| part == b"pre");
        ["sec-purpose", "purpose", "x-moz"].into_iter().flat_map(|name| self.headers.get_all(name)).any(says)
    }

    /// Who signed in in this browser before.
    pub(super) async fn known_user(&self) -> Result<Option<User>, Stop> {
        match self.device.read(self.headers) {
            Some(cookie) => Ok(known_device::find_user(&self.app.store, &self.app.sealing, cookie, self.now).await?),
            None => Ok(None),
        }
    }

    /// The way on for a browser in which somebody has just signed in, and will be known.
    pub(super) fn signed_in(&self, location: &str, session: &OpaqueToken, user: &User) -> Response {
        self.with_session(page::see_other(location), session, user)
    }

    /// The same answer, with the cookies of a browser in which somebody has just given a password.
    pub(super) fn with_session(&self, mut response: Response, session: &OpaqueToken, user: &User) -> Response {
        let known = known_device::seal(&self.app.sealing, user, self.now);
        let cookies = [
            self.cookie.set(session.expose()),
            self.device.set_for(known.expose(), known_device::KNOWN_DEVICE_SECONDS),
        ];
        for cookie in cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// A form, if it was sent from one of our pages.
    pub(super) async fn form(&self, body: Body) -> Result<Parameters, Stop> {
        if !is_same_origin(self.headers, &self.app.issuer) {
            return Err(Notice::ForeignForm.into());
        }
        self.read_form(body).await
    }

    /// A form that was sent to a secret link, which is proof enough for it.
    pub(super) async fn form_of_link(&self, body: Body) -> Result<Parameters, Stop> {
        if !may_come_from_link(self.headers, &self.app.issuer) {
            return Err(Notice::ForeignForm.into());
        }
        self.read_form(body).await
    }

    async fn read_form(&self, body: Body) -> Result<Parameters, Stop> {
        let body = self.read(body).await?;
        Ok(Parameters::from_form(self.headers, &body).map_err(Notice::from)?)
    }

    /// A form that may come from anywhere, and so has no effect by itself.
    pub(super) async fn foreign_form(&self, body: Body) -> Result<Parameters, Stop> {
        let body = self.read(body).await?;
        Parameters::from_form(self.headers, &body).map_err(|cause| match cause {
            FormError::ContentType | FormError::TooLarge => Notice::Form(cause).into(),
            _ => PageRefusal::Parameters.into(),
        })
    }

    async fn read(&self, body: Body) -> Result<Bytes, Stop> {
        let limit = BodyLimit::of_bytes(OAUTH_BODY_BYTES);
        let body = read_body(self.headers, body, limit).await;
        Ok(body.map_err(|cause| match cause {
            BodyRefusal::TooLarge => Notice::Form(FormError::TooLarge),
            BodyRefusal::TooSlow | BodyRefusal::Broken => Notice::BrokenOff,
        })?)
    }

    /// The path of one of our pages.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.site.base)
    }

    /// The handler's page, or the page or redirect that stands for what stopped it.
    pub(in crate::endpoints) fn answer(&self, result: Result<Response, Stop>) -> Response {
        match result {
            Ok(response) => response,
            Err(Stop::Notice(notice)) => self.notice(notice),
            Err(Stop::Ahead) => page::nothing_ahead(),
            Err(Stop::Redirect(location)) => page::see_other(&location),
            Err(Stop::Refused(AuthorizationError::ShowPage(refusal))) => self.notice(refusal.into()),
            Err(Stop::Refused(AuthorizationError::Redirect { address, refusal })) => {
                page::see_other(&address.with_refusal(&self.app.issuer, refusal))
            }
        }
    }

    /// The same for what stands behind a secret link: where that is, nobody is told, not even ourselves.
    pub(super) fn answer_behind_link(&self, result: Result<Response, Stop>) -> Response {
        let mut response = self.answer(result);
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    fn notice(&self, notice: Notice) -> Response {
        let words = notice.words();
        tracing::info!(?notice, "a page says why not");
        let template = MessagePage {
            site: &self.site,
            title: words.title,
            what: words.what,
            next: words.next,
            link: (notice == Notice::SetUpLink).then(|| Link { href: self.path(paths::SIGN_IN), text: "Sign in" }),
            correlation_id: Some(self.request_id.as_str()),
        };
        let status = StatusCode::from_u16(words.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = page::page(status, &template);
        if let Some(seconds) = notice.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Notice> for Stop {
    fn from(notice: Notice) -> Self {
        Self::Notice(notice)
    }
}

impl From<AuthorizationError> for Stop {
    fn from(cause: AuthorizationError) -> Self {
        Self::Refused(cause)
    }
}

impl From<PageRefusal> for Stop {
    fn from(refusal: PageRefusal) -> Self {
        Self::Notice(refusal.into())
    }
}

impl From<PasswordHashError> for Stop {
    fn from(cause: PasswordHashError) -> Self {
        Self::Notice(match cause {
            PasswordHashError::Busy => Notice::Busy,
            PasswordHashError::Failed => Notice::Unavailable,
        })
    }
}

impl From<StoreError> for Stop {
    fn from(cause: StoreError) -> Self {
        tracing::error!(%cause, "the store could not answer");
        Self::Notice(Notice::Unavailable)
    }
}
