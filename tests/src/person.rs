//! A person with a browser's manners and no JavaScript: follows redirects, keeps cookies, fills in the forms that the pages show.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Response, redirect};
use url::Url;

/// More pages than any way through the authorization endpoint has.
const MAX_PAGES: usize = 10;

/// Somebody who can sign in.
#[derive(Debug)]
pub struct Person {
    email: String,
    password: String,
    browser: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// A form of a page: where it goes and what it would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// As it stands in the page.
    pub action: String,
    /// What it sends when nobody touches it: hidden fields and ticked boxes.
    pub untouched: Vec<(String, String)>,
}

impl Person {
    /// A person who has not signed in yet.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(email: &str, password: &str) -> anyhow::Result<Self> {
        let browser = reqwest::Client::builder().redirect(redirect::Policy::none()).build()?;
        Ok(Self { email: email.into(), password: password.into(), browser, cookies: BTreeMap::new() })
    }

    /// Opens an authorization URL, signs in when asked, allows, and returns the URL that the client's redirect URI is opened with.
    ///
    /// # Errors
    /// When a page shows neither form nor redirect; the message carries the page.
    pub async fn allow(&mut self, authorization_url: &str, redirect_uri: &str) -> anyhow::Result<Url> {
        let mut url = Url::parse(authorization_url)?;
        let mut response = self.get(&url).await?;
        for _ in 0..MAX_PAGES {
            if response.status().is_redirection() {
                let location = response.headers().get(LOCATION).context("a redirect without Location")?.to_str()?;
                url = url.join(location)?;
                if url.as_str().starts_with(redirect_uri) {
                    return Ok(url);
                }
                response = self.get(&url).await?;
                continue;
            }
            let status = response.status();
            let page = response.text().await?;
            let (form, answers) = if let Some(form) = form(&page, "sign-in-form") {
                (form, vec![("email", self.email.clone()), ("password", self.password.clone())])
            } else if let Some(form) = form(&page, "consent-form") {
                (form, vec![("decision", "allow".to_owned())])
            } else {
                bail!("{url} answered {status} with no form:\n{page}");
            };
            url = url.join(&form.action)?;
            response = self.post(&url, &form, &answers).await?;
        }
        bail!("no end of pages, the last was {url}")
    }

    async fn get(&mut self, url: &Url) -> anyhow::Result<Response> {
        let response = self.browser.get(url.clone()).header(COOKIE, self.cookie_header()).send().await?;
        self.keep_cookies(&response);
        Ok(response)
    }

    async fn post(&mut self, url: &Url, form: &Form, answers: &[(&str, String)]) -> anyhow::Result<Response> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&form.untouched).extend_pairs(answers);
        let request = self.browser.post(url.clone()).header(COOKIE, self.cookie_header());
        let request = request.header(ORIGIN, url.origin().ascii_serialization());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.finish());
        let response = request.send().await?;
        self.keep_cookies(&response);
        Ok(response)
    }

    fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, response: &Response) {
        for cookie in response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            if attributes.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// The form with this id, if the page has one.
pub fn form(page: &str, id: &str) -> Option<Form> {
    let at = page.find(&format!("id=\"{id}\""))?;
    let start = page[..at].rfind("<form")?;
    let text = &page[start..start + page[start..].find("</form>")?];
    let action = attribute(text.split('>').next()?, "action").unwrap_or_default();
    let inputs = text.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    let is_sent = |input: &&str| match attribute(input, "type").as_deref() {
        Some("hidden") => true,
        Some("checkbox") => input.split_whitespace().any(|word| word == "checked"),
        _ => false,
    };
    let untouched = inputs
        .filter(is_sent)
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())));
    Some(Form { action, untouched: untouched.collect() })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..start + tag[start..].find('"')?];
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    Some(entities.iter().fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_from_a_page() {
        let page = "<form id=\"other\" action=\"/no\"></form><form method=\"post\" action=\"/sign-in?a=1&amp;b=2\" id=\"sign-in-form\">\n\
            <input type=\"hidden\" name=\"csrf\" value=\"x&#34;y\"><label>E <input type=\"email\" name=\"email\"></label>\
            <input type=\"checkbox\" name=\"a\" value=\"on\" checked aria-describedby=\"b\"><input type=\"checkbox\" name=\"c\" value=\"on\"></form>";
        let expected = Form {
            action: "/sign-in?a=1&b=2".into(),
            untouched: vec![("csrf".into(), "x\"y".into()), ("a".into(), "on".into())],
        };
        assert_eq!(form(page, "sign-in-form"), Some(expected));
        assert_eq!(form(page, "consent-form"), None);
    }
}
