//! What operators write.

use auth_server::config::Settings;
use shared::config::{PublicUrl, Sources};
use shared::db::DatabaseUrl;
use shared::http::AddressRange;

/// Stands in the corpus where a password would.
const PASSWORD: &str = "hunter2hunter2";

/// Bytes are a configuration file.
pub(super) fn configuration(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let said = match Sources::new().with_file_text("postern.toml", text) {
        Err(error) => error.to_string(),
        Ok(sources) => match Settings::load(&sources) {
            Err(error) => error.to_string(),
            Ok(settings) => {
                let url = &settings.auth_server.public_url;
                assert!(url.is_https() || url.is_loopback(), "tokens never travel in clear");
                assert_eq!(PublicUrl::parse(url.as_str()).as_ref(), Ok(url));
                let schemes = &settings.auth_server.redirect_schemes;
                assert!(
                    !schemes.iter().any(|scheme| ["javascript", "data", "file", "http"].contains(&scheme.as_str()))
                );
                format!("{settings:?}")
            }
        },
    };
    let is_secret = |line: &str| line.trim_start().starts_with("database_url") && line.contains(PASSWORD);
    let elsewhere = text.lines().filter(|line| line.contains(PASSWORD) && !is_secret(line)).count();
    assert!(elsewhere > 0 || !said.contains(PASSWORD), "no password is shown: {said}");
}

/// Bytes are a value: of a URL, of an address range, of a database.
pub(super) fn setting_values(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    if let Ok(url) = PublicUrl::parse(text) {
        assert_eq!(url.as_str(), text, "byte for byte");
        assert!(text.starts_with(url.origin()) && !text.ends_with('/') && !text.contains(['?', '#', '%']));
        assert_eq!(format!("{}{}", url.origin(), url.path()), text);
        assert!(url.is_https() || url.is_loopback());
        assert_eq!(url::Url::parse(text).map(|peer| peer.origin().ascii_serialization()), Ok(url.origin().to_owned()));
    }
    if let Ok(range) = text.parse::<AddressRange>() {
        let printed = range.to_string();
        assert_eq!(printed.parse::<AddressRange>().as_ref(), Ok(&range), "it reads back");
        let first = printed.split('/').next().and_then(|first| first.parse().ok());
        assert!(first.is_some_and(|first| range.contains(first)), "it begins in itself");
        assert_eq!(range.is_everybody(), printed.ends_with("/0"));
    }
    if let Err(error) = DatabaseUrl::parse(&format!("postgres://postern:{PASSWORD}@{text}")) {
        assert!(!error.to_string().contains(PASSWORD), "no password is shown");
    }
}
