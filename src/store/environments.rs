//! The environment that a connection is bound to, as those within it may know it.
//!
//! Environments as the operator's are in [`super::system`].

use crate::db::Db;
use crate::kernel::Result;
use crate::model::environments::Identity;
use crate::sql;

/// What it is called.
pub async fn get_identity(db: &mut Db) -> Result<Identity> {
    db.query(sql!("select id, client_id from environments where key = $1")).one().await
}
