//! Environments.

use sqlx::FromRow;

use crate::db::{OnConstraint, System};
use crate::kernel::id::{EnvironmentId, ManagementKeyId};
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;
use crate::sql;

macro_rules! columns {
    () => {
        "e.key, e.id, e.name, e.client_id, e.created_at, e.updated_at,
         e.multiple_roles, e.access_token_seconds, e.session_seconds, e.session_idle_seconds"
    };
}

#[derive(FromRow)]
struct Keyed {
    #[sqlx(flatten)]
    environment: Environment,
    management_key: ManagementKeyId,
}

/// The environment that the key of this hash manages, and the key.
pub async fn find_by_key(system: &mut System, hash: &[u8; 32]) -> Result<Option<(Environment, ManagementKeyId)>> {
    let found: Option<Keyed> = system
        .query(sql!(
            "select ",
            columns!(),
            ", k.id as management_key
             from management_keys k join environments e on e.key = k.environment
             where k.hash = $1"
        ))
        .bind(&hash[..])
        .find()
        .await?;
    Ok(found.map(|keyed| (keyed.environment, keyed.management_key)))
}

/// The environment of this client id.
pub async fn find_by_client_id(system: &mut System, client_id: &str) -> Result<Option<Environment>> {
    system
        .query(sql!("select ", columns!(), " from environments e where e.client_id = $1"))
        .bind(client_id)
        .find()
        .await
}

/// The environment of this id.
pub async fn find(system: &mut System, id: &EnvironmentId) -> Result<Option<Environment>> {
    system.query(sql!("select ", columns!(), " from environments e where e.id = $1")).bind(id).find().await
}

/// The environment that was made first.
pub async fn find_first(system: &mut System) -> Result<Option<Environment>> {
    system.query(sql!("select ", columns!(), " from environments e order by e.key limit 1")).find().await
}

/// A new environment.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id.
    pub id: &'n EnvironmentId,
    /// What people call it.
    pub name: &'n str,
    /// The id by which applications name it.
    pub client_id: &'n str,
}

/// Writes a new environment, with the settings that every one begins with.
pub async fn insert(system: &mut System, new: New<'_>) -> Result<Environment> {
    let now = system.now();
    system
        .query(sql!(
            "insert into environments as e (id, name, client_id, created_at, updated_at) values ($1, $2, $3, $4, $4)
             returning ",
            columns!()
        ))
        .bind(new.id)
        .bind(new.name)
        .bind(new.client_id)
        .bind(now)
        .one()
        .await
        .on_constraint("environments_client_id_key", || {
            Error::conflict("client_id_already_used", "The client_id is already used by another environment.")
        })
        .on_constraint("environments_id_key", || {
            Error::conflict("environment_already_exists", "An environment with this id already exists.")
        })
}
