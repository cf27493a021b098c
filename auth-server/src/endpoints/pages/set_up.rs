//! `GET /set-up/{link}` shows the form and consumes nothing; `POST` makes the first administrator. The link stands in the path, which neither
//! the access log nor a referrer carries.

use super::{
    page::page,
    visit::{Stop, Visit},
};
use crate::{
    app::App,
    pages::{Notice, SetUpPage},
    users::{
        NewUser,
        add_user::{AddUserError, FieldProblems},
        set_up::{SetUpError, complete, is_live},
    },
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use shared::{http::RequestId, secret::Secret};
use std::sync::Arc;

/// The form, while the link works.
pub async fn show(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    Path(link): Path<String>,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        if !is_live(&app.store, &link, visit.now).await? {
            return Err(Notice::SetUpLink.into());
        }
        Ok(form(&visit, &link, "", "", FieldProblems::default()))
    };
    visit.answer_behind_link(result.await)
}

/// Makes the administrator and signs this browser in.
pub async fn submit(
    State(app): State<Arc<App>>,
    id: RequestId,
    headers: HeaderMap,
    Path(link): Path<String>,
    body: Body,
) -> Response {
    let visit = Visit::new(&app, &headers, &id);
    let result = async {
        let given = visit.form_of_link(body).await?;
        let password = Secret::new(given.get("password").unwrap_or_default());
        let new = NewUser {
            email: given.get("email").unwrap_or_default(),
            display_name: given.get("display_name").unwrap_or_default(),
            password: Some(&password),
            is_administrator: true,
        };
        match complete(&app.store, &app.passwords, app.session_lifetimes, &*app.random, &link, &new, visit.now).await {
            Ok(done) => Ok(visit.signed_in(&visit.site.home, &done.session, &done.user)),
            Err(cause) => refused(&visit, &link, &new, cause),
        }
    };
    visit.answer_behind_link(result.await)
}

fn refused(visit: &Visit<'_>, link: &str, new: &NewUser<'_>, cause: SetUpError) -> Result<Response, Stop> {
    let problems = match cause {
        SetUpError::Link => return Err(Notice::SetUpLink.into()),
        SetUpError::Account(AddUserError::Fields(problems)) => problems,
        SetUpError::Account(AddUserError::Taken) => {
            FieldProblems { email: Some("There is an account with this address already."), ..FieldProblems::default() }
        }
        SetUpError::Account(AddUserError::Hash(cause)) => return Err(cause.into()),
        SetUpError::Account(AddUserError::Store(cause)) => return Err(cause.into()),
    };
    Ok(form(visit, link, new.email, new.display_name, problems))
}

fn form(visit: &Visit<'_>, link: &str, email: &str, display_name: &str, problems: FieldProblems) -> Response {
    let status = if problems == FieldProblems::default() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let template = SetUpPage {
        site: &visit.site,
        link,
        email,
        display_name,
        email_problem: problems.email.map(str::to_owned),
        name_problem: problems.display_name.map(str::to_owned),
        password_problem: problems.password.map(|problem| problem.to_string()),
        problems: Vec::new(),
    };
    page(status, &template.with_summary())
}
