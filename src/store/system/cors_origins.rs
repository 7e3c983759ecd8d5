//! CORS origins across all environments: a browser asks before it says which one it is about.

use crate::db::System;
use crate::kernel::Result;
use crate::sql;

/// Whether any environment has configured this origin.
pub async fn exists(system: &mut System, origin: &str) -> Result<bool> {
    system.query(sql!("select exists (select from cors_origins where origin = $1)")).bind(origin).value().await
}
