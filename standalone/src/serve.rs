//! Both servers, started together and stopped together.

use crate::{
    cli::CommandError,
    greeting::{Greeting, greet},
    settings::Settings,
};
use auth_server::{
    app::StartError,
    audit::Actor,
    change_log::follower::catch_up,
    resources::enrol_resource_server::{Enrolment, enrol_resource_server},
    serve::Server as AuthServer,
    users::set_up,
};
use resource_server::{issuer::machine_token::EnrolledIdentity, serve::Server as ResourceServer};
use shared::{
    process::Surroundings,
    protocol::{jwk::JwkSet, jwt::AssertionSigner},
    secret::Secret,
};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The client that the resource server beside us is. Its key is new at each start and never leaves the memory.
const RESOURCE_SERVER_CLIENT_ID: &str = "postern-resource-server";

/// Serves until told to stop.
///
/// # Errors
/// Either server does not start, or ended before it was told to.
pub async fn serve(settings: Settings, surroundings: Surroundings) -> Result<(), CommandError> {
    let Surroundings { clock, random, stop, .. } = surroundings;
    let Settings { auth_server, resource_server } = settings;
    let data_dir = auth_server.shared.data_dir.clone();
    let (resource, origin) =
        (resource_server.resource(), resource_server.resource_server.public_url.origin().to_owned());
    let authorization = AuthServer::open(auth_server, clock.clone(), random.clone(), stop.clone()).await?;
    let app = Arc::clone(authorization.app());

    let signer = Arc::new(AssertionSigner::generate(random.as_ref())?);
    let jwks = JwkSet::new(vec![signer.public_jwk().clone()])?;
    let enrolment = Enrolment {
        client_id: RESOURCE_SERVER_CLIENT_ID,
        name: "Resource server of this Postern",
        origins: &[origin],
        jwks: &jwks,
    };
    enrol_resource_server(&app.store, &app.issuer, &enrolment, random.as_ref(), &Actor::Installation, clock.now())
        .await?;
    // Its old key ended what it bought; what the new one buys is dated behind that as soon as it is known here.
    catch_up(&app).await.map_err(StartError::from)?;
    let identity = EnrolledIdentity { client_id: RESOURCE_SERVER_CLIENT_ID.to_owned(), signer };
    let protected =
        ResourceServer::open(resource_server, clock.clone(), random.clone(), Some(identity), stop.clone()).await?;

    let link = set_up::fresh_link(&app.store, random.as_ref(), clock.now()).await?;
    let link: Option<Secret> = link.map(|link| set_up::link_url(&app.issuer, &link));
    greet(&Greeting { resource: &resource, issuer: &app.issuer, set_up_link: link.as_ref(), data_dir: &data_dir })?;
    drop((link, app));

    let mut servers = JoinSet::new();
    servers.spawn(authorization.serve());
    servers.spawn(protected.serve());
    let mut ended_early = false;
    while let Some(ended) = servers.join_next().await {
        ended_early |= ended.is_err() || !stop.is_cancelled();
        stop.cancel();
    }
    if ended_early { Err(CommandError::EndedEarly) } else { Ok(()) }
}
