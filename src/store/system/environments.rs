//! Environments.

use sqlx::FromRow;

use crate::db::{EnvironmentKey, OnConstraint, System};
use crate::kernel::id::{EnvironmentId, EnvironmentKind, ManagementKeyId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "e.key, e.id, e.name, e.client_id, e.created_at, e.updated_at,
         e.multiple_roles, e.access_token_seconds, e.session_seconds, e.session_idle_seconds, e.invitation_url,
         e.invitation_days, e.waitlist_confirmation_mail"
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

/// The environments that people call by this name: usually one, but nothing keeps an operator from having two.
pub async fn list_by_name(system: &mut System, name: &str) -> Result<Vec<Environment>> {
    system
        .query(sql!("select ", columns!(), " from environments e where e.name = $1 order by e.key"))
        .bind(name)
        .all()
        .await
}

/// The environment of this id.
pub async fn find(system: &mut System, id: &EnvironmentId) -> Result<Option<Environment>> {
    system.query(sql!("select ", columns!(), " from environments e where e.id = $1")).bind(id).find().await
}

/// The environment that must be there.
pub async fn get(system: &mut System, id: &EnvironmentId) -> Result<Environment> {
    find(system, id).await?.ok_or_else(|| Error::missing(id))
}

/// The environment, held against other changes until the transaction ends. Rows may go on being made in it
/// meanwhile: they name it by its key, which does not change.
pub async fn lock(system: &mut System, id: &EnvironmentId) -> Result<Environment> {
    system
        .query(sql!("select ", columns!(), " from environments e where e.id = $1 for no key update"))
        .bind(id)
        .find()
        .await?
        .ok_or_else(|| Error::missing(id))
}

/// Lets the statements of this transaction take as long as they need, for the removal of very much.
pub async fn take_time(system: &mut System) -> Result<()> {
    system.query(sql!("select set_config('statement_timeout', '0', true)")).run().await.map(drop)
}

/// The environment that was made first.
pub async fn find_first(system: &mut System) -> Result<Option<Environment>> {
    system
        .query(sql!("select ", columns!(), " from installation i join environments e on e.id = i.first_environment_id"))
        .find()
        .await
}

/// The first of the environments, in the order in which they were made.
pub async fn list_first(system: &mut System, rows: i64) -> Result<Vec<Environment>> {
    system.query(sql!("select ", columns!(), " from environments e order by e.key limit $1")).bind(rows).all().await
}

/// A page of environments.
pub async fn list(system: &mut System, page: &Page<EnvironmentKind>) -> Result<List<Environment>> {
    system
        .page(page_sql!("select ", columns!(), " from environments e where $1::boolean"; "e.id"), page)
        .list(|environment: &Environment| environment.id.as_str())
        .await
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
            Error::conflict("client_id_already_used", "An environment with this client_id already exists.")
        })
        .on_constraint("environments_id_key", || {
            Error::conflict("environment_already_exists", "An environment with this id already exists.")
        })
}

/// Writes a changed environment.
pub async fn update(system: &mut System, environment: &Environment) -> Result<()> {
    system
        .recall(sql!(
            "update environments
             set name = $2, multiple_roles = $3, access_token_seconds = $4, session_seconds = $5,
                 session_idle_seconds = $6, invitation_url = $7, invitation_days = $8,
                 waitlist_confirmation_mail = $9, updated_at = $10
             where key = $1"
        ))
        .bind(environment.key)
        .bind(&environment.name)
        .bind(environment.settings.multiple_roles)
        .bind(environment.settings.access_token_seconds)
        .bind(environment.settings.session_seconds)
        .bind(environment.settings.session_idle_seconds)
        .bind(environment.settings.invitation_url.as_deref())
        .bind(environment.settings.invitation_days)
        .bind(environment.settings.waitlist_confirmation_mail)
        .bind(environment.updated_at)
        .run()
        .await
        .map(drop)
}

/// Removes an environment with everything that names it; whether it was there.
pub async fn delete(system: &mut System, id: &EnvironmentId) -> Result<Option<EnvironmentKey>> {
    system.recall(sql!("delete from environments where id = $1 returning key")).bind(id).find_value().await
}

/// Removes the events of an environment: the log, being partitioned, names its environment without a foreign key.
pub async fn delete_events(system: &mut System, environment: EnvironmentKey) -> Result<()> {
    system.query(sql!("delete from events where environment = $1")).bind(environment).run().await.map(drop)
}
