//! Clients: callers of the token endpoints, who are known by what stands in the body and not by a header.
//!
//! `client_id` names the environment and `client_secret` is one of its management keys. Public clients (browsers) have
//! no secret. What SDKs send in `Authorization` besides, often an empty bearer token, counts for nothing here.

use super::auth::Scope;
use super::state::App;
use crate::kernel::crypto::sha256;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
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
    let mut system = app.database().system().await?;
    let found = store::system::environments::find_by_client_id(&mut system, client_id).await?;
    let environment = found.ok_or_else(|| Error::oauth("invalid_client", "Invalid client ID."))?;
    let mut actor = Actor::client(client_id);
    if let Some(secret) = secret {
        let hash = sha256(secret.expose().as_bytes());
        let found = store::system::environments::find_by_key(&mut system, &hash).await?;
        let (_, key) = found
            .filter(|(managed, _)| managed.key == environment.key)
            .ok_or_else(|| Error::oauth("invalid_client", "Invalid client secret."))?;
        app.limits().request(&key)?;
        actor = Actor::key(&key);
    }
    drop(system);
    Ok(Scope::of(app.clone(), environment, actor))
}
