//! Both servers, started together and stopped together.

use crate::{
    cli::CommandError,
    data_lock::DataLock,
    greeting::{Greeting, greet, remove_if_there},
    settings::Settings,
};
use auth_server::{
    app::{App, StartError},
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
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The client that the resource server beside us is. Its key is new at each start and never leaves the memory.
const RESOURCE_SERVER_CLIENT_ID: &str = "postern-resource-server";

/// How often is looked whether the link is used, while its file is there.
const SET_UP_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until told to stop.
///
/// # Errors
/// Either server does not start, or ended before it was told to.
pub async fn serve(settings: Settings, surroundings: Surroundings) -> Result<(), CommandError> {
    let Surroundings { clock, random, stop, .. } = surroundings;
    let Settings { auth_server, resource_server, .. } = settings;
    let data_dir = auth_server.shared.data_dir.clone();
    let (resource, origin) =
        (resource_server.resource(), resource_server.resource_server.public_url.origin().to_owned());
    // Opening migrates the database and makes keys: only for whoever may serve from here.
    auth_server.shared.make_data_dir(random.as_ref()).map_err(StartError::from)?;
    let _lock = DataLock::take(&data_dir)?;
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
    let greeting =
        Greeting { resource: &resource, issuer: &app.issuer, set_up_link: link.as_ref(), data_dir: &data_dir };
    let link_file = greet(&greeting)?;
    drop(link);
    if let Some(file) = link_file {
        tokio::spawn(remove_when_set_up(file, app, stop.clone()));
    }

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

/// Removes the file of the set-up link as soon as somebody administers the installation, however that was done.
async fn remove_when_set_up(file: PathBuf, app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SET_UP_LOOK_INTERVAL) => {}
        }
        // A database that does not answer is asked again.
        if set_up::is_done(&app.store).await.unwrap_or(false) {
            if let Err(error) = remove_if_there(&file) {
                tracing::warn!(%error, "the file of the set-up link, which is used, cannot be removed");
            }
            return;
        }
    }
}
