//! What the server keeps about itself.

use sqlx::FromRow;

use crate::db::System;
use crate::kernel::Result;
use crate::kernel::id::EnvironmentId;
use crate::sql;

/// The one row about this installation.
#[derive(Debug, FromRow)]
pub struct Installation {
    /// The SHA-256 of the operator's token, if the server made one.
    pub operator_hash: Option<Vec<u8>>,
    /// The environment that the server made, which may have been deleted since.
    pub first_environment_id: Option<EnvironmentId>,
}

/// The row, held against other servers that start at the same time.
pub async fn lock(system: &mut System) -> Result<Installation> {
    system.query(sql!("select operator_hash, first_environment_id from installation for update")).one().await
}

/// Something known, sealed under the master key that the database belongs to, if a server has ever started on it.
pub async fn find_key_check(system: &mut System) -> Result<Option<Vec<u8>>> {
    system.query(sql!("select key_check from installation")).value().await
}

/// Keeps the hash of the operator's token.
pub async fn set_operator_hash(system: &mut System, hash: &[u8; 32]) -> Result<()> {
    system.query(sql!("update installation set operator_hash = $1")).bind(&hash[..]).run().await.map(drop)
}

/// Keeps which environment was made first.
pub async fn set_first_environment(system: &mut System, id: &EnvironmentId) -> Result<()> {
    system.query(sql!("update installation set first_environment_id = $1")).bind(id).run().await.map(drop)
}

/// Keeps what the master key is recognised by.
pub async fn set_key_check(system: &mut System, sealed: &[u8]) -> Result<()> {
    system.query(sql!("update installation set key_check = $1")).bind(sealed).run().await.map(drop)
}
