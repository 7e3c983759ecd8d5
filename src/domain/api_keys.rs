//! API keys of organizations and users: made, expired and revoked.
//!
//! The value of a key is shown once and kept as its hash; whoever has the database can use none. A user's key stands on
//! their membership: it is valid while that is active, and goes with it. Locks come last: after organizations,
//! permissions and memberships, each of which takes its keys with it.

use crate::db::Tx;
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::sha256;
use crate::kernel::error::FieldFault;
use crate::kernel::id::{ApiKeyId, OrganizationId};
use crate::kernel::patch::Patch;
use crate::kernel::secret::{Secret, is_api_key, obfuscate};
use crate::kernel::{Error, Result};
use crate::model::api_keys::{ApiKey, Owner};
use crate::model::keys::PermissionKey;
use crate::model::organization_memberships::OrganizationMembership;
use crate::store;
use crate::store::api_keys::{New, Which};

/// A use is noted when the last one noted is older, in seconds: often enough to see which keys are idle, and seldom enough
/// that validations hardly ever write.
const USE_SECONDS: i64 = 60;

/// What a new key is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<ApiKeyId>,
    /// For whom it speaks.
    pub owner: Owner,
    /// What people call it.
    pub name: String,
    /// The slugs of what it allows.
    pub permissions: Vec<String>,
    /// From when on it is not valid.
    pub expires_at: Option<Timestamp>,
    /// Its value, where a seed pins it.
    pub value: Option<Secret<String>>,
}

/// Makes a key, with this value or a new one. This is the one time that the value can be shown.
pub async fn create(tx: &mut Tx, input: Create) -> Result<(ApiKey, Secret<String>)> {
    let Create { id, owner, name, mut permissions, expires_at, value } = input;
    if expires_at.is_some_and(|end| end <= tx.now()) {
        return Err(expired_at_birth(&owner));
    }
    permissions.sort_unstable();
    permissions.dedup();
    let allowed = hold(tx, &owner, &permissions).await?;
    let value = value.unwrap_or_else(|| Secret::new(format!("sk_{}", tx.random().alphanumeric(43))));
    if !is_api_key(value.expose()) {
        let message = "value must begin with sk_ and have 11 to 256 letters, digits, '_' or '-'.";
        return Err(Error::field("value", "invalid_format", message));
    }
    let key = ApiKey {
        id: id.unwrap_or_else(|| tx.mint()),
        owner,
        name: name.trim().to_owned(),
        obfuscated_value: obfuscate(value.expose()),
        last_used_at: None,
        expires_at,
        permissions,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let new = New {
        id: &key.id,
        owner: &key.owner,
        name: &key.name,
        hash: &sha256(value.expose().as_bytes()),
        obfuscated_value: &key.obfuscated_value,
        expires_at,
        permissions: &allowed,
    };
    store::api_keys::insert(tx, new, key.created_at).await?;
    tx.emit(key.created())?;
    Ok((key, value))
}

/// A key that has run out already is of no use to anybody. The API answers this with one status for organizations, and
/// with another for users.
fn expired_at_birth(owner: &Owner) -> Error {
    let message = "expires_at must be in the future.";
    match owner {
        Owner::Organization { .. } => Error::field("expires_at", "invalid_value", message),
        Owner::User { .. } => refusal("expires_at", "invalid_value", message),
    }
}

/// A refusal that names the field that it is about.
fn refusal(field: &str, code: &'static str, message: &'static str) -> Error {
    let fault = FieldFault { field: Some(field.to_owned()), code, message: message.into() };
    Error::refused("invalid_request_parameters", "Validation failed.").with_faults(vec![fault])
}

/// Holds what a key stands on: its organization, its permissions, and the active membership of its user.
async fn hold(tx: &mut Tx, owner: &Owner, permissions: &[String]) -> Result<Vec<PermissionKey>> {
    if let Some(user) = owner.user() {
        store::users::get(tx, user).await?;
    }
    if !store::organizations::hold(tx, owner.organization()).await? {
        return Err(Error::missing(owner.organization()));
    }
    let found = store::permissions::hold_known(tx, permissions).await?;
    if let Some(unknown) = permissions.iter().find(|&slug| found.iter().all(|permission| permission.slug != *slug)) {
        return Err(Error::field("permissions", "permission_not_found", format!("Permission not found: '{unknown}'.")));
    }
    if let Some(user) = owner.user()
        && !store::organization_memberships::hold_active(tx, user, owner.organization()).await?
    {
        let message = "The user has no active membership in this organization.";
        return Err(refusal("organization_id", "organization_membership_not_active", message));
    }
    Ok(found.into_iter().map(|permission| permission.key).collect())
}

/// Whether a use of this key at this moment is worth noting.
pub fn is_use_worth_noting(key: &ApiKey, now: Timestamp) -> bool {
    key.last_used_at.is_none_or(|used| used <= now.plus_seconds(-USE_SECONDS))
}

/// Notes that a key was used at this moment. It is no change of the key: no event, and `updated_at` stays.
pub async fn note_use(tx: &mut Tx, id: &ApiKeyId, at: Timestamp) -> Result<()> {
    store::api_keys::stamp_use(tx, id, at, at.plus_seconds(-USE_SECONDS)).await
}

/// Changes when a key runs out: at a moment to come, never, or at once, which is to revoke it. One that has run out stays
/// so.
pub async fn expire(tx: &mut Tx, id: &ApiKeyId, expires_at: Patch<Timestamp>) -> Result<ApiKey> {
    let current = store::api_keys::lock(tx, id).await?;
    // Whoever waited for another change comes after it, whenever they began.
    let now = tx.now().max(current.updated_at);
    if current.is_expired(now) {
        return Err(Error::conflict("api_key_already_expired", "API key is already expired."));
    }
    let end = match expires_at {
        Patch::Null => None,
        Patch::Absent => Some(now),
        Patch::Value(moment) => Some(moment.max(now)),
    };
    if end == current.expires_at {
        return Ok(current);
    }
    let key = ApiKey { expires_at: end, updated_at: now, ..current };
    store::api_keys::update(tx, &key).await?;
    tx.emit(if key.is_expired(now) { key.revoked() } else { key.updated(current.expires_at) })?;
    Ok(key)
}

/// Deletes a key, which is revoked by that, from the very next validation on.
pub async fn delete(tx: &mut Tx, id: &ApiKeyId) -> Result<()> {
    let key = store::api_keys::lock(tx, id).await?;
    remove(tx, &[key]).await
}

/// Deletes the keys of an organization that is being deleted, those of its members included. The caller holds it.
pub async fn delete_all_of_organization(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    let keys = store::api_keys::lock_all(tx, Which::Organization(organization)).await?;
    remove(tx, &keys).await
}

/// Deletes the keys that stand on memberships that are being deleted. The caller holds those.
pub async fn delete_all_of_memberships(tx: &mut Tx, memberships: &[OrganizationMembership]) -> Result<()> {
    let pairs: Vec<_> = memberships.iter().map(|one| (&one.organization_id, &one.user_id)).collect();
    let keys = store::api_keys::lock_all(tx, Which::Members(&pairs)).await?;
    remove(tx, &keys).await
}

/// Takes a permission that is being deleted from every key that has it. The caller holds it, so no other can be given it.
pub async fn lose_permission(tx: &mut Tx, permission: PermissionKey, slug: &str) -> Result<()> {
    let mut keys = store::api_keys::lock_all(tx, Which::Having(permission)).await?;
    let now = tx.now();
    let ids: Vec<_> = keys.iter().map(|key| &key.id).collect();
    store::api_keys::delete_permission(tx, permission, &ids, now).await?;
    for key in &mut keys {
        key.permissions.retain(|held| held != slug);
        key.updated_at = now;
        tx.emit(key.updated(key.expires_at))?;
    }
    Ok(())
}

/// Removes keys that are locked.
async fn remove(tx: &mut Tx, keys: &[ApiKey]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = keys.iter().map(|key| &key.id).collect();
    store::api_keys::delete(tx, &ids).await?;
    keys.iter().try_for_each(|key| tx.emit(key.revoked()))
}
