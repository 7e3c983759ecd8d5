//! Clients: callers of the token endpoints, who are known by what stands in the body and not by a header.
//!
//! `client_id` names the environment and `client_secret` is one of its management keys. Public clients (browsers) have
//! no secret. What SDKs send in `Authorization` besides, often an empty bearer token, counts for nothing here.

use super::auth::Scope;
use super::state::App;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;
use crate::model::events::Actor;
use crate::store;

/// The scope of whoever merely names a client, for what is published to everybody.
pub async fn named(app: &App, client_id: &str) -> Result<Scope> {
    let mut system = app.database().system().await?;
    let found = store::system::environments::find_by_client_id(&mut system, client_id).await?;
    drop(system);
    let environment = found.ok_or_else(|| Error::missing_named("Client", client_id))?;
    Ok(Scope::of(app.clone(), environment, Actor::client(client_id)))
}

/// The scope of a client, confidential or public. A secret that is given must be right even where none is needed: a
/// wrong one is a mistake that somebody should hear of.
///
/// A key of another environment is answered like one that does not exist.
pub async fn authenticate(app: &App, client_id: &str, secret: Option<&Secret<String>>) -> Result<Scope> {
    let Some(secret) = secret else {
        let environment = find(app, client_id).await?;
        return Ok(Scope::of(app.clone(), environment, Actor::client(client_id)));
    };
    let caller = app.callers().find(app, secret.expose()).await?;
    let Some(caller) = caller.filter(|caller| caller.environment.client_id == client_id) else {
        // Which of the two is wrong, is told; a client that is unknown comes first.
        find(app, client_id).await?;
        return Err(Error::oauth("invalid_client", "Invalid client secret."));
    };
    app.limits().request(&caller.key)?;
    Ok(Scope::of_caller(app.clone(), caller))
}

async fn find(app: &App, client_id: &str) -> Result<Environment> {
    let mut system = app.database().system().await?;
    let found = store::system::environments::find_by_client_id(&mut system, client_id).await?;
    found.ok_or_else(|| Error::oauth("invalid_client", "Invalid client ID."))
}
