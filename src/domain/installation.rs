//! The first start of a server, and what every later one finds again.

use super::environments::{self, Create};
use crate::db::System;
use crate::kernel::crypto::{Keyring, sha256};
use crate::kernel::id::EnvironmentId;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;
use crate::store;

/// What the master key is recognised by is sealed for this.
const PURPOSE: &str = "installation";

/// What the operator has settled about the first environment and about themselves.
#[derive(Debug, Default)]
pub struct Wishes {
    /// The first environment's API key.
    pub api_key: Option<Secret<String>>,
    /// The first environment's client id.
    pub client_id: Option<String>,
    /// The operator's token.
    pub admin_token: Option<Secret<String>>,
    /// What a seed says about the first environment: for a server that has none yet.
    pub seeded: Seeded,
}

/// How a seed describes the environment that a new server begins with. Without this a seed for an environment of another
/// name would leave an empty one beside it.
#[derive(Debug, Default)]
pub struct Seeded {
    /// Its id.
    pub id: Option<EnvironmentId>,
    /// What people call it.
    pub name: Option<String>,
    /// Its client id.
    pub client_id: Option<String>,
    /// A key to it.
    pub api_key: Option<Secret<String>>,
}

/// What was made, to be shown this once. Nothing that the operator chose is in it.
#[derive(Debug, Default)]
pub struct Made {
    /// The first environment's API key.
    pub api_key: Option<Secret<String>>,
    /// The first environment's client id.
    pub client_id: Option<String>,
    /// The operator's token.
    pub admin_token: Option<Secret<String>>,
}

/// Makes what is missing: the first environment, a key to it, the operator's token.
///
/// Servers that start together take turns, so one of them makes it and the others find it. Returns the SHA-256 of the
/// token that holds from now on, and what was made.
pub async fn prepare(system: &mut System, keyring: &Keyring, wishes: Wishes) -> Result<([u8; 32], Made)> {
    let Wishes { api_key, client_id, admin_token, seeded } = wishes;
    let found = store::system::installation::lock(system).await?;
    if !check_master_key(system, keyring).await? {
        store::system::installation::set_key_check(system, &keyring.seal(PURPOSE, b"vestibule")).await?;
    }
    let mut made = Made::default();
    let operator = match (admin_token, found.operator_hash.and_then(|hash| hash.try_into().ok())) {
        (Some(token), _) => sha256(token.expose().as_bytes()),
        (None, Some(hash)) => hash,
        (None, None) => {
            let token = Secret::new(format!("admin_{}", system.random().alphanumeric(43)));
            let hash = sha256(token.expose().as_bytes());
            store::system::installation::set_operator_hash(system, &hash).await?;
            made.admin_token = Some(token);
            hash
        }
    };
    match (store::system::environments::find_first(system).await?, found.first_environment_id) {
        (Some(environment), _) => adopt(system, &environment, api_key, client_id).await?,
        // Another environment must not inherit the key of one that was deleted.
        (None, Some(id)) if api_key.is_some() || client_id.is_some() => {
            let message =
                format!("VESTIBULE_API_KEY and VESTIBULE_CLIENT_ID are of {id}, which was deleted: unset them.");
            return Err(Error::conflict("first_environment_deleted", message));
        }
        (None, Some(_)) => {}
        (None, None) => {
            let (api_key, client_id) = (api_key.or(seeded.api_key), client_id.or(seeded.client_id));
            let name = seeded.name.unwrap_or_else(|| "Default".to_owned());
            let input = Create { id: seeded.id, name, client_id: client_id.clone() };
            let environment = environments::create(system, input).await?;
            store::system::installation::set_first_environment(system, &environment.id).await?;
            made.client_id = client_id.is_none().then(|| environment.client_id.clone());
            let chosen = api_key.is_some();
            let (_, value) = environments::create_key(system, &environment, "First key", api_key).await?;
            made.api_key = (!chosen).then_some(value);
        }
    }
    Ok((operator, made))
}

/// A server with another master key could read none of the secrets that are stored: it must not start. Whether there is
/// anything yet that tells.
pub async fn check_master_key(system: &mut System, keyring: &Keyring) -> Result<bool> {
    let check = store::system::installation::find_key_check(system).await?;
    match &check {
        Some(sealed) => keyring.open(PURPOSE, sealed).map(|_| true).map_err(Error::internal),
        None => Ok(false),
    }
}

/// Whether the database belongs to some master key.
pub async fn has_key(system: &mut System) -> Result<bool> {
    Ok(store::system::installation::find_key_check(system).await?.is_some())
}

/// Holds what the operator settled against the environment that is there. A key is added, so that scripts go on
/// working with a restored database; a client id stands in tokens and in applications, so it is never changed.
async fn adopt(
    system: &mut System,
    environment: &Environment,
    api_key: Option<Secret<String>>,
    client_id: Option<String>,
) -> Result<()> {
    if let Some(wanted) = client_id.filter(|wanted| *wanted != environment.client_id) {
        let message = format!(
            "The first environment already has the client id {}; VESTIBULE_CLIENT_ID says {wanted}.",
            environment.client_id
        );
        return Err(Error::conflict("client_id_differs", message));
    }
    let Some(value) = api_key else { return Ok(()) };
    let hash = sha256(value.expose().as_bytes());
    match store::system::environments::find_by_key(system, &hash).await? {
        Some((owner, _)) if owner.id == environment.id => Ok(()),
        Some((owner, _)) => {
            let message = format!("VESTIBULE_API_KEY is a key of another environment, {}.", owner.id);
            Err(Error::conflict("api_key_already_exists", message))
        }
        None => environments::create_key(system, environment, "VESTIBULE_API_KEY", Some(value)).await.map(drop),
    }
}
