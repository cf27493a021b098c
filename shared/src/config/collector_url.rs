//! Where traces go.

use super::value::{Given, Kind, SettingValue};
use url::Url;

/// The address of a collector that takes OTLP over HTTP. Plain http is fine: spans hold no secret, and a collector is a neighbour.
#[derive(Debug, Clone)]
pub struct CollectorUrl(Url);

impl CollectorUrl {
    /// Where it takes traces (OTLP 1.x, "OTLP/HTTP Request").
    pub fn traces(&self) -> String {
        format!("{}/v1/traces", self.0.as_str().trim_end_matches('/'))
    }
}

impl SettingValue for CollectorUrl {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"http://127.0.0.1:4318\"";

    fn expected() -> String {
        "http://HOST:PORT or https://HOST:PORT, with a path where the collector has one".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let url = Url::parse(&String::parse(given)?).map_err(|error| error.to_string())?;
        let plain =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain {
            Ok(Self(url))
        } else {
            Err("is not the address of a collector: http or https, without user, query and fragment".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CollectorUrl;
    use crate::config::value::{Given, SettingValue as _};

    #[test]
    fn traces_have_their_path_below_the_address() {
        let traces = |text: &str| CollectorUrl::parse(&Given::Text(text.to_owned())).map(|url| url.traces());
        assert_eq!(traces("http://otel:4318").unwrap(), "http://otel:4318/v1/traces");
        assert_eq!(traces("https://otel.example.com/a/").unwrap(), "https://otel.example.com/a/v1/traces");
        for text in ["", "otel:4318", "ftp://otel", "http://u:p@otel", "http://otel?key=1", "http://otel#a"] {
            assert!(traces(text).is_err(), "{text}");
        }
    }
}
