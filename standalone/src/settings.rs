//! The settings of both servers, out of the same sources.

use shared::config::{ConfigurationError, Problem, Sources};

/// What the one command serves with.
#[derive(Debug)]
pub struct Settings {
    /// The authorization server's.
    pub auth_server: auth_server::config::Settings,
    /// The resource server's.
    pub resource_server: resource_server::config::Settings,
    /// What they were read from, with what this program decides for them.
    pub sources: Sources,
}

impl Settings {
    /// Loads both. In one process the issuer is the authorization server's public URL, and its default resource, unless
    /// one is set, is the resource that is served here.
    ///
    /// # Errors
    /// Everything that is wrong with either, at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigurationError> {
        let auth_server = auth_server::config::Settings::load(sources);
        let issuer = auth_server.as_ref().ok().map(|settings| settings.auth_server.public_url.as_str().to_owned());
        let sources = match issuer {
            Some(issuer) => sources.clone().with_own("postern", "resource_server", "issuer", issuer),
            None => sources.clone(),
        };
        let resource_server = resource_server::config::Settings::load(&sources);
        let (mut auth_server, resource_server) = match (auth_server, resource_server) {
            (Ok(auth_server), Ok(resource_server)) => (auth_server, resource_server),
            (Err(one), Err(other)) => return Err(joined(one, other)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
        };
        if !resource_server.resource_server.own_authorization_server {
            let message = "is off, but the one command brings its authorization server; run `resource-server` alone";
            let problem = Problem::new("resource_server.own_authorization_server", message);
            return Err(ConfigurationError { problems: vec![problem] });
        }
        let default_resource = &mut auth_server.auth_server.default_resource;
        let mut sources = sources;
        if default_resource.is_none() {
            let own = resource_server.resource();
            sources = sources.with_own("postern", "auth_server", "default_resource", own.clone());
            *default_resource = Some(own);
        }
        Ok(Self { auth_server, resource_server, sources })
    }
}

/// The problems of both; what both read is named once.
fn joined(mut one: ConfigurationError, other: ConfigurationError) -> ConfigurationError {
    for problem in other.problems {
        if !one.problems.contains(&problem) {
            one.problems.push(problem);
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use shared::config::Sources;

    fn load(toml: &str) -> Result<Settings, String> {
        let sources = Sources::new().with_file_text("postern.toml", toml).map_err(|error| error.to_string())?;
        Settings::load(&sources).map_err(|error| error.to_string())
    }

    #[test]
    fn the_resource_server_trusts_the_issuer_beside_it() {
        let settings = load("[auth_server]\npublic_url = \"https://auth.example.com\"\n").expect("usable");
        assert_eq!(settings.resource_server.resource_server.issuer.as_str(), "https://auth.example.com");
        let text = shared::config::PrintFormat { effective: true, markdown: false };
        let text = text.text(&crate::cli::tables(), || Ok(settings.sources)).expect("usable");
        for line in [
            "issuer = \"https://auth.example.com\"  # set by postern",
            "public_url = \"https://auth.example.com\"  # postern.toml line 2",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
        let default_resource = settings.auth_server.auth_server.default_resource;
        assert_eq!(default_resource.as_deref(), Some("http://localhost:9500/mcp"));
    }

    #[test]
    fn its_own_authorization_server_cannot_be_off() {
        let off = "[resource_server]\nown_authorization_server = false\n[[resource_server.trusted_issuers]]\nissuer = \"https://id.example.com\"\n";
        assert!(load(off).expect_err("unusable").contains("run `resource-server` alone"));
        assert!(load(&off.replace("false", "true")).is_ok());
    }

    #[test]
    fn problems_of_both_are_named_at_once_and_common_ones_once() {
        let error = load("[shared]\nlog_format = \"loud\"\n[auth_server]\none = 1\n[resource_server]\ntwo = 2\n")
            .expect_err("unusable");
        assert!(error.contains("auth_server.one") && error.contains("resource_server.two"), "{error}");
        assert_eq!(error.matches("shared.log_format").count(), 1, "{error}");
    }
}
