//! Environments of a seed, and the keys to them.

use super::Report;
use super::fault::At as _;
use super::shape;
use crate::db::System;
use crate::domain::environments::{self, Create, Update};
use crate::kernel::crypto::sha256;
use crate::kernel::id::EnvironmentId;
use crate::kernel::patch::Patch;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;
use crate::store;

/// The name of an environment that is made and was given none.
const NAME: &str = "Default";

/// Finds or makes the environment, and its keys.
pub(super) async fn settle(
    system: &mut System,
    entry: &shape::Environment,
    first: Option<&EnvironmentId>,
    report: &mut Report,
) -> Result<Environment> {
    let identity = &entry.identity;
    let environment = match find(system, entry).await? {
        Some(environment) => update(system, environment, identity, report).await?,
        None => {
            let name = identity.name.clone().unwrap_or_else(|| NAME.to_owned());
            let client_id = identity.client_id.as_ref().map(ToString::to_string);
            let input = Create { id: identity.id.clone(), name, client_id };
            let environment = environments::create(system, input).await.at(identity.at.as_str())?;
            // The first of a new server: otherwise its start would make another one, and leave it empty.
            if first.is_none() {
                store::system::installation::set_first_environment(system, &environment.id).await?;
            }
            report.created("environment", &environment.name);
            if identity.settings.is_some() { set(system, &environment, identity).await? } else { environment }
        }
    };
    if let Some(value) = &identity.api_key {
        key(system, &environment, value, report).await.at(&identity.at.field("apiKey"))?;
    }
    for value in &entry.families.api_keys.0 {
        key(system, &environment, value, report).await.at(&format!("{}apiKeys", entry.prefix))?;
    }
    Ok(environment)
}

/// The environment that the file means: the one of its id, or else of its client id, or else of its name. A file that
/// says none of these means the first, which every server has from its start.
pub(super) async fn find(system: &mut System, entry: &shape::Environment) -> Result<Option<Environment>> {
    let shape::Identity { id, name, api_key: _, client_id, settings: _, at } = &entry.identity;
    if let Some(id) = id
        && let Some(found) = store::system::environments::find(system, id).await?
    {
        return Ok(Some(found));
    }
    if let Some(client_id) = client_id
        && let Some(found) = store::system::environments::find_by_client_id(system, client_id.as_str()).await?
    {
        return Ok(Some(found));
    }
    match (name, id, client_id) {
        (None, None, None) => store::system::environments::find_first(system).await,
        (Some(name), None, _) => {
            let mut named = store::system::environments::list_by_name(system, name.trim()).await?;
            if named.len() > 1 {
                let message = format!("several environments are called '{name}': give the clientId of the one meant.");
                return Err(Error::field(at.field("name"), "ambiguous", message));
            }
            Ok(named.pop())
        }
        (_, Some(_), _) | (None, None, Some(_)) => Ok(None),
    }
}

async fn update(
    system: &mut System,
    current: Environment,
    identity: &shape::Identity,
    report: &mut Report,
) -> Result<Environment> {
    if let Some(wanted) = &identity.client_id
        && wanted.as_str() != current.client_id
    {
        let message = format!(
            "environment '{}' has the client id {}, and a client id does not change: applications and tokens name it.",
            current.name, current.client_id
        );
        return Err(Error::field(identity.at.field("clientId"), "client_id_differs", message));
    }
    let environment = set(system, &current, identity).await?;
    report.updated(environment != current, "environment", &environment.name);
    Ok(environment)
}

/// Gives the environment the name and the settings that the file says.
async fn set(system: &mut System, current: &Environment, identity: &shape::Identity) -> Result<Environment> {
    let mut input = Update { name: identity.name.clone(), ..Update::default() };
    if let Some(settings) = &identity.settings {
        let seconds = |value: i64| i32::try_from(value).map_err(Error::internal);
        input.invitation_url = settings.invitation_url.clone();
        input.invitation_days = settings.invitation_days.map(seconds).transpose()?;
        input.waitlist_confirmation_mail = settings.waitlist_confirmation_mail;
        input.multiple_roles = settings.multiple_roles;
        input.access_token_seconds = settings.access_token_seconds.map(seconds).transpose()?;
        input.session_seconds = settings.session_seconds.map(seconds).transpose()?;
        input.session_idle_seconds = match settings.session_idle_seconds {
            Patch::Absent => Patch::Absent,
            Patch::Null => Patch::Null,
            Patch::Value(value) => Patch::Value(seconds(value)?),
        };
    }
    environments::update(system, &current.id, input).await.at(identity.at.as_str())
}

/// Makes a key of this value, unless the environment has it.
async fn key(
    system: &mut System,
    environment: &Environment,
    value: &Secret<String>,
    report: &mut Report,
) -> Result<()> {
    match store::system::environments::find_by_key(system, &sha256(value.expose().as_bytes())).await? {
        Some((owner, _)) if owner.key == environment.key => Ok(()),
        Some((owner, _)) => {
            let message = format!("this API key already exists: it opens the environment '{}'.", owner.name);
            Err(Error::conflict("api_key_already_exists", message))
        }
        None => {
            let (key, _) = environments::create_key(system, environment, "Seed", Some(value.clone())).await?;
            report.created("API key", key.obfuscated_value);
            Ok(())
        }
    }
}
