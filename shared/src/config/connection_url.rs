//! URLs of the stores. They may hold a password, so they are secrets: never shown, and given by file too.

use super::value::{Given, Kind, SettingValue};
use crate::db::DatabaseUrl;
use crate::secret::Secret;
use url::Url;

impl SettingValue for DatabaseUrl {
    const KIND: Kind = Kind::Text;
    const SECRET: bool = true;
    const EXAMPLE: &'static str = "\"postgres://postern@localhost/postern\"";

    fn expected() -> String {
        "sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let url = Secret::parse(given)?;
        Self::parse(url.expose()).map_err(|error| error.to_string())
    }
}

/// Where Redis is: `redis://…`, `rediss://…` (TLS) or `unix:PATH`.
#[derive(Debug, Clone)]
pub struct RedisUrl(Secret);

impl RedisUrl {
    /// The URL itself, password included.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl SettingValue for RedisUrl {
    const KIND: Kind = Kind::Text;
    const SECRET: bool = true;
    const EXAMPLE: &'static str = "\"redis://127.0.0.1:6379\"";

    fn expected() -> String {
        "redis://HOST:PORT/DATABASE, rediss://HOST:PORT (TLS) or unix:PATH, with user and password where needed"
            .to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let url = Secret::parse(given)?;
        let known =
            ["redis://", "rediss://", "unix:", "redis+unix:"].iter().any(|scheme| url.expose().starts_with(scheme));
        if known && Url::parse(url.expose()).is_ok() {
            Ok(Self(url))
        } else {
            Err("is not the URL of a Redis server".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RedisUrl;
    use crate::config::value::{Given, SettingValue};
    use crate::db::DatabaseUrl;

    fn takes<T: SettingValue>(text: &str) -> bool {
        T::parse(&Given::Text(text.to_owned())).is_ok()
    }

    #[test]
    fn known_stores_only() {
        for url in [
            "sqlite:data/a.sqlite",
            "sqlite::memory:",
            "postgres://u:p@h/d",
            "postgres://u@localhost/d?host=/run/postgresql",
        ] {
            assert!(takes::<DatabaseUrl>(url), "{url}");
        }
        for url in ["", "sqlite:", "sqlite://", "mysql://h/d", "postgres:", "data.sqlite"] {
            assert!(!takes::<DatabaseUrl>(url), "{url}");
        }
        for url in
            ["redis://127.0.0.1:6379", "rediss://:pw@h/1", "unix:/run/redis.sock", "redis+unix:///run/redis.sock?db=1"]
        {
            assert!(takes::<RedisUrl>(url), "{url}");
        }
        for url in ["", "127.0.0.1:6379", "http://h", "redis:/"] {
            assert!(!takes::<RedisUrl>(url), "{url}");
        }
    }

    #[test]
    fn never_shown() {
        let url = RedisUrl::parse(&Given::Text("redis://:hunter2@h".to_owned())).unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
