//! Postern under load: the release binary in its own process with a client that may introspect and fetch tokens.

use anyhow::Context;
use serde_json::Value;
use system_tests::oauth_client::OAuthClient;
use system_tests::person::Person;
use system_tests::postern::{Home, Postern};

use crate::bodies::{self, Credentials};
use crate::http_client::{Connection, Request};
use crate::measure::Target;
use crate::twenty_tools::TwentyTools;

const EMAIL: &str = "load@example.com";
const PASSWORD: &str = "nobody waits in this queue";

/// A running Postern and what the rows need of it.
#[derive(Debug)]
pub struct Subject {
    home: Home,
    postern: Postern,
    /// A confidential client that may fetch tokens for the built-in resource.
    pub credentials: Credentials,
    person: Person,
}

impl Subject {
    /// Starts a Postern with an empty database. Limits stay on, at values that the load does not reach.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut home = Home::new()?;
        home.set("POSTERN__AUTH_SERVER__MACHINE_TOKENS_PER_MINUTE", "100000000");
        home.set("POSTERN__AUTH_SERVER__REFRESHES_PER_MINUTE", "1000000");
        home.set("POSTERN__RESOURCE_SERVER__REQUESTS_PER_MINUTE", "1000000");
        for (name, value) in settings {
            home.set(name, value);
        }
        let postern = home.start().await?;
        home.add_administrator(EMAIL, PASSWORD).await?;
        let credentials = add_client(&home, "load", &home.mcp_url()).await?;
        Ok(Self { home, postern, credentials, person: Person::new(EMAIL, PASSWORD)? })
    }

    /// The authorization server.
    pub fn authorization_server(&self) -> anyhow::Result<Target> {
        Ok(Target { process_id: self.postern.process.id()?, port: self.home.authorization_port })
    }

    /// The resource server.
    pub fn resource_server(&self) -> anyhow::Result<Target> {
        Ok(Target { process_id: self.postern.process.id()?, port: self.home.resource_port })
    }

    /// The URL of the built-in resource.
    pub fn resource(&self) -> String {
        self.home.mcp_url()
    }

    /// Stops it, for a second start on a warm database.
    pub fn into_home(self) -> Home {
        self.home
    }

    /// Starts a resource server of twenty tools beside the built-in one, with a client that may fetch tokens for it.
    pub async fn serve_twenty_tools(&self) -> anyhow::Result<(TwentyTools, Credentials)> {
        let server = TwentyTools::start(&self.home).await?;
        let credentials = add_client(&self.home, "caller", &server.resource()).await?;
        Ok((server, credentials))
    }

    /// Fresh access tokens of the machine client, for the built-in resource.
    pub async fn tokens(&self, count: usize) -> anyhow::Result<Vec<String>> {
        self.tokens_for(&self.credentials, &self.resource(), count).await
    }

    /// Fresh access tokens of a machine client for a resource.
    pub async fn tokens_for(
        &self,
        credentials: &Credentials,
        resource: &str,
        count: usize,
    ) -> anyhow::Result<Vec<String>> {
        let request = bodies::client_credentials(credentials, resource)?;
        let mut connection = Connection::open(self.home.authorization_port).await?;
        let mut tokens = Vec::with_capacity(count);
        for _ in 0..count {
            let answer: Value = serde_json::from_slice(&sample(&mut connection, &request).await?)?;
            tokens.push(answer["access_token"].as_str().context("no access_token")?.to_owned());
        }
        Ok(tokens)
    }

    /// A registered public client that has authorized nothing yet.
    pub async fn public_client(&self, name: &str) -> anyhow::Result<OAuthClient> {
        OAuthClient::register(&self.home.issuer(), &self.resource(), name).await
    }

    /// A client that holds a grant.
    pub async fn authorized_client(&mut self, name: &str) -> anyhow::Result<OAuthClient> {
        let mut client = self.public_client(name).await?;
        client.authorize(&mut self.person, "mcp.read").await?;
        Ok(client)
    }

    /// Fresh codes of a client, by way of the pages.
    pub async fn codes(&mut self, client: &OAuthClient, count: usize) -> anyhow::Result<Vec<String>> {
        let mut codes = Vec::with_capacity(count);
        for _ in 0..count {
            codes.push(client.code(&mut self.person, "mcp.read").await?);
        }
        Ok(codes)
    }
}

/// A machine client that may fetch tokens for `resource`.
async fn add_client(home: &Home, name: &str, resource: &str) -> anyhow::Result<Credentials> {
    let arguments =
        ["client", "add", name, "--grant", "client_credentials", "--scope", "mcp.read", "--resource", resource];
    let client = home.json(&arguments).await?;
    let text = |name: &str| client[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {client}"));
    Ok(Credentials { client_id: text("client_id")?, client_secret: text("client_secret")? })
}

/// Sends a request once and returns the body of its answer.
pub async fn sample(connection: &mut Connection, request: &Request) -> anyhow::Result<Vec<u8>> {
    let (status, body) = connection.send(request).await?;
    anyhow::ensure!(status.is_success(), "{} answered {status}: {}", request.path, String::from_utf8_lossy(&body));
    Ok(body.to_vec())
}
