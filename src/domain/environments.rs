//! Environments and their management keys: the operator's business.

use super::{organization_memberships, permissions, resource_types, roles};
use crate::db::{System, Tx};
use crate::kernel::crypto::sha256;
use crate::kernel::id::{ClientKind, EnvironmentId, ManagementKeyId};
use crate::kernel::patch::Patch;
use crate::kernel::secret::{Secret, is_api_key, obfuscate};
use crate::kernel::{Error, Result};
use crate::model::environments::{Environment, ManagementKey};
use crate::store;
use crate::store::system::environments::New;

/// What a new environment is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<EnvironmentId>,
    /// What people call it.
    pub name: String,
    /// Its client id, where somebody pins it.
    pub client_id: Option<String>,
}

/// Makes an environment with what every one begins with, but without a key yet.
pub async fn create(system: &mut System, input: Create) -> Result<Environment> {
    let Create { id, name, client_id } = input;
    let client_id = client_id.unwrap_or_else(|| system.mint::<ClientKind>().to_string());
    let id = id.unwrap_or_else(|| system.mint());
    let new = New { id: &id, name: name.trim(), client_id: &client_id };
    let environment = store::system::environments::insert(system, new).await?;
    system.within(environment.key, seed).await?;
    Ok(environment)
}

/// What every environment begins with.
async fn seed(tx: &mut Tx) -> Result<()> {
    let organization = resource_types::seed(tx).await?;
    permissions::seed(tx, organization).await?;
    roles::seed(tx).await
}

/// What an update of an environment changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// Whether a membership may have several roles of the organization.
    pub multiple_roles: Option<bool>,
    /// How long an access token is valid, in seconds.
    pub access_token_seconds: Option<i32>,
    /// How long a session lasts at most, in seconds.
    pub session_seconds: Option<i32>,
    /// After how many seconds without a refresh a session ends; null is never.
    pub session_idle_seconds: Patch<i32>,
    /// The page where invitations are accepted; null is the one of this server.
    pub invitation_url: Patch<String>,
    /// For how many days an invitation is good if whoever invites does not say.
    pub invitation_days: Option<i32>,
    /// Whether those who join a waitlist may be told so by mail.
    pub waitlist_confirmation_mail: Option<bool>,
}

/// Changes an environment or its settings. What is already signed in keeps the times that it was given; the next
/// token obeys the new ones. Memberships with several roles keep the highest, where they may have several no longer.
pub async fn update(system: &mut System, id: &EnvironmentId, input: Update) -> Result<Environment> {
    let current = store::system::environments::lock(system, id).await?;
    let mut environment = changed(current.clone(), input);
    if environment != current {
        environment.updated_at = system.now();
        store::system::environments::update(system, &environment).await?;
    }
    if current.settings.multiple_roles && !environment.settings.multiple_roles {
        system.within(environment.key, organization_memberships::keep_highest_role).await?;
    }
    Ok(environment)
}

fn changed(mut environment: Environment, input: Update) -> Environment {
    let Update {
        name,
        multiple_roles,
        access_token_seconds,
        session_seconds,
        session_idle_seconds,
        invitation_url,
        invitation_days,
        waitlist_confirmation_mail,
    } = input;
    if let Some(name) = name {
        environment.name = name.trim().to_owned();
    }
    let settings = &mut environment.settings;
    settings.multiple_roles = multiple_roles.unwrap_or(settings.multiple_roles);
    settings.access_token_seconds = access_token_seconds.unwrap_or(settings.access_token_seconds);
    settings.session_seconds = session_seconds.unwrap_or(settings.session_seconds);
    settings.session_idle_seconds = session_idle_seconds.or(settings.session_idle_seconds);
    settings.invitation_url = invitation_url.or(settings.invitation_url.take());
    settings.invitation_days = invitation_days.unwrap_or(settings.invitation_days);
    settings.waitlist_confirmation_mail = waitlist_confirmation_mail.unwrap_or(settings.waitlist_confirmation_mail);
    environment
}

/// Deletes an environment with everything in it, its log included; nobody is left to read what this would announce.
///
/// The rows go before the events: whoever is changing one of them holds it until its events are written, so that
/// these are seen, and removed, too.
pub async fn delete(system: &mut System, id: &EnvironmentId) -> Result<()> {
    store::system::environments::take_time(system).await?;
    let key = store::system::environments::delete(system, id).await?.ok_or_else(|| Error::missing(id))?;
    store::system::environments::delete_events(system, key).await
}

/// Makes a management key of an environment, with this value or a new one. The value is not kept: only its hash is,
/// so this is the one time that it can be shown.
pub async fn create_key(
    system: &mut System,
    environment: &Environment,
    name: &str,
    value: Option<Secret<String>>,
) -> Result<(ManagementKey, Secret<String>)> {
    let value = value.unwrap_or_else(|| Secret::new(format!("sk_{}", system.random().alphanumeric(43))));
    check_value(&value)?;
    let key = ManagementKey {
        id: system.mint(),
        name: name.trim().to_owned(),
        obfuscated_value: obfuscate(value.expose()),
        created_at: system.now(),
    };
    let hash = sha256(value.expose().as_bytes());
    store::system::management_keys::insert(system, environment.key, &key, &hash).await?;
    Ok((key, value))
}

/// Revokes a management key, from the very next request on. The last one may go: the operator can make another.
pub async fn delete_key(system: &mut System, environment: &Environment, id: &ManagementKeyId) -> Result<()> {
    let was_there = store::system::management_keys::delete(system, environment.key, id).await?;
    if was_there { Ok(()) } else { Err(Error::missing(id)) }
}

/// A key that somebody pins must look like one, and be long enough not to be guessed.
fn check_value(value: &Secret<String>) -> Result<()> {
    if is_api_key(value.expose()) {
        return Ok(());
    }
    let message = "api_key must begin with sk_ and have 11 to 256 letters, digits, '_' or '-'.";
    Err(Error::field("api_key", "invalid_format", message))
}
