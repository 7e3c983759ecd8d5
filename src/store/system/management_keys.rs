//! Management keys: found and made by hash, never by value.

use crate::db::{EnvironmentKey, OnConstraint, System};
use crate::kernel::id::{ManagementKeyId, ManagementKeyKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::environments::ManagementKey;
use crate::{page_sql, sql};

/// Writes a new key.
pub async fn insert(
    system: &mut System,
    environment: EnvironmentKey,
    key: &ManagementKey,
    hash: &[u8; 32],
) -> Result<()> {
    system
        .query(sql!(
            "insert into management_keys (environment, id, name, hash, obfuscated, created_at)
             values ($1, $2, $3, $4, $5, $6)"
        ))
        .bind(environment)
        .bind(&key.id)
        .bind(&key.name)
        .bind(&hash[..])
        .bind(&key.obfuscated_value)
        .bind(key.created_at)
        .run()
        .await
        .map(drop)
        .on_constraint("management_keys_hash_key", || {
            Error::conflict("api_key_already_exists", "An API key with this value already exists.")
        })
}

/// A page of the keys of an environment.
pub async fn list(
    system: &mut System,
    environment: EnvironmentKey,
    page: &Page<ManagementKeyKind>,
) -> Result<List<ManagementKey>> {
    system
        .page(
            page_sql!(
                "select id, name, obfuscated as obfuscated_value, created_at
                 from management_keys where $1::boolean and environment = $5";
                "id"
            ),
            page,
        )
        .bind(environment)
        .list(|key: &ManagementKey| key.id.as_str())
        .await
}

/// All keys of an environment, oldest first. They are few.
pub async fn list_all(system: &mut System, environment: EnvironmentKey) -> Result<Vec<ManagementKey>> {
    system
        .query(sql!(
            "select id, name, obfuscated as obfuscated_value, created_at
             from management_keys where environment = $1 order by id"
        ))
        .bind(environment)
        .all()
        .await
}

/// Removes a key; whether it was there.
pub async fn delete(system: &mut System, environment: EnvironmentKey, id: &ManagementKeyId) -> Result<bool> {
    let rows = system
        .recall(sql!("delete from management_keys where environment = $1 and id = $2"))
        .bind(environment)
        .bind(id)
        .run()
        .await?;
    Ok(rows > 0)
}
