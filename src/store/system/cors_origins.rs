//! CORS origins across all environments: a browser asks before it says which one it is about.

use crate::db::{EnvironmentKey, System};
use crate::kernel::Result;
use crate::kernel::id::CorsOriginId;
use crate::sql;

/// Whether any environment has configured this origin.
pub async fn exists(system: &mut System, origin: &str) -> Result<bool> {
    system.query(sql!("select exists (select from cors_origins where origin = $1)")).bind(origin).value().await
}

/// Removes an origin of an environment; whether it was there.
pub async fn delete(system: &mut System, environment: EnvironmentKey, id: &CorsOriginId) -> Result<bool> {
    let rows = system
        .recall(sql!("delete from cors_origins where environment = $1 and id = $2"))
        .bind(environment)
        .bind(id)
        .run()
        .await?;
    Ok(rows > 0)
}
