//! A browser as far as forms and cookies go: it keeps cookies, reads forms out of pages, and sends what Chromium sends with them.

use super::{Answer, TestServer};
use axum::{body::Body, extract::Request};
use std::collections::BTreeMap;

/// One browser at one server.
pub struct Browser<'a> {
    server: &'a TestServer,
    pub cookies: BTreeMap<String, String>,
}

/// A form as it would be sent.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// Sets a field.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a field out: un-ticks a box.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    /// What a field carries.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

impl<'a> Browser<'a> {
    /// A browser without cookies.
    pub fn new(server: &'a TestServer) -> Self {
        Self { server, cookies: BTreeMap::new() }
    }

    /// Another browser with the same cookies: another tab, or a thief's.
    pub fn copy(&self) -> Self {
        Self { server: self.server, cookies: self.cookies.clone() }
    }

    /// A browser in which somebody signed in by the pages.
    pub async fn signed_in(server: &'a TestServer, email: &str, password: &str) -> Self {
        Self::signed_in_below(server, "", email, password).await
    }

    /// The same at an issuer with this path.
    pub async fn signed_in_below(server: &'a TestServer, base: &str, email: &str, password: &str) -> Self {
        let mut browser = Self::new(server);
        let answer = browser.sign_in(&format!("{base}/sign-in"), email, password).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    /// Loads a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).header("sec-fetch-site", "none"), Body::empty()).await
    }

    /// Asks for a page by `method`, with these headers.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request, Body::empty()).await
    }

    /// Sends a form as one of our own pages does.
    pub async fn submit(&mut self, form: &Form) -> Answer {
        let origin = self.server.app.settings.auth_server.public_url.origin().to_owned();
        self.submit_from(form, &[("origin", &origin), ("sec-fetch-site", "same-origin")]).await
    }

    /// Sends a form with these headers.
    pub async fn submit_from(&mut self, form: &Form, headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let request = Request::post(&form.action).header("content-type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request, Body::from(body)).await
    }

    /// Loads the page at `path` and signs in there.
    pub async fn sign_in(&mut self, path: &str, email: &str, password: &str) -> Answer {
        let page = self.get(path).await;
        let form = form(&page, "sign-in-form").with("email", email).with("password", password);
        self.submit(&form).await
    }

    /// Goes where the answer points to.
    pub async fn follow(&mut self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, 303, "{answer:?}");
        let location = answer.header("location").to_owned();
        assert!(location.starts_with('/'), "{location}");
        self.get(&location).await
    }

    async fn send(&mut self, request: http::request::Builder, body: Body) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let answer = self.server.send(request.body(body).expect("a request")).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("visible characters");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// The form of this id, with every hidden and text field and every ticked box.
pub fn form(page: &Answer, id: &str) -> Form {
    let at = page.body.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no form {id}: {page:?}"));
    let start = page.body[..at].rfind('<').expect("a tag");
    let text = &page.body[start..];
    let text = &text[..text.find("</form>").expect("its end")];
    let action = attribute(&text[..text.find('>').expect("a tag")], "action").expect("an action");
    let inputs = text.split("<input").skip(1).map(|rest| &rest[..rest.find('>').expect("a tag")]);
    let is_chosen_among_others = |input: &str| input.contains("type=\"checkbox\"") || input.contains("type=\"radio\"");
    let sent = inputs.filter(|input| !is_chosen_among_others(input) || input.contains(" checked"));
    let fields =
        sent.map(|input| (attribute(input, "name").expect("a name"), attribute(input, "value").unwrap_or_default()));
    Form { action, fields: fields.collect() }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    Some(unescape(&value[..value.find('"')?]))
}

fn unescape(text: &str) -> String {
    let entities = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}
