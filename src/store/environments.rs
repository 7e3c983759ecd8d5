//! The environment that a connection is bound to, as those within it may know it.
//!
//! Environments as the operator's are in [`super::system`].

use crate::db::Db;
use crate::kernel::Result;
use crate::model::environments::Identity;
use crate::sql;

/// Whether nothing has happened in it yet, so that nobody knows the ids of what came with it.
pub async fn is_untouched(db: &mut Db) -> Result<bool> {
    db.query(sql!(
        "select not exists (select from events where environment = $1)
            and not exists (select from users where environment = $1)
            and not exists (select from organizations where environment = $1)"
    ))
    .value()
    .await
}

/// What it is called.
pub async fn get_identity(db: &mut Db) -> Result<Identity> {
    db.query(sql!("select id, client_id from environments where key = $1")).one().await
}
