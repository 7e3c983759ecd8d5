//! Environments and their management keys: the operator's business.

use crate::db::System;
use crate::kernel::crypto::sha256;
use crate::kernel::id::{ClientKind, EnvironmentId};
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::environments::{Environment, ManagementKey};
use crate::store;
use crate::store::system::environments::New;

/// What a new environment is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// What people call it.
    pub name: String,
    /// Its client id, where somebody pins it.
    pub client_id: Option<String>,
}

/// Makes an environment, without a key yet.
pub async fn create(system: &mut System, input: Create) -> Result<Environment> {
    let Create { name, client_id } = input;
    let client_id = client_id.unwrap_or_else(|| system.mint::<ClientKind>().to_string());
    let id: EnvironmentId = system.mint();
    store::system::environments::insert(system, New { id: &id, name: name.trim(), client_id: &client_id }).await
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

/// A key that somebody pins must look like one, and be long enough not to be guessed.
fn check_value(value: &Secret<String>) -> Result<()> {
    let text = value.expose();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if text.starts_with("sk_") && (11..=256).contains(&text.len()) && plain {
        return Ok(());
    }
    let message = "api_key must begin with sk_ and have 11 to 256 letters, digits, '_' or '-'.";
    Err(Error::field("api_key", "invalid_format", message))
}

/// `sk_...3456`: enough to recognise a key, not enough to use it.
fn obfuscate(value: &str) -> String {
    let tail: String = value.chars().skip(value.chars().count().saturating_sub(4)).collect();
    format!("sk_...{tail}")
}
