//! The keys that sign an environment's tokens.

use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::model::signing_keys::StoredKey;
use crate::protocol::jwt::Jwk;
use crate::sql;

/// The key that signs, if there is one yet.
pub async fn find_active(db: &mut Db) -> Result<Option<StoredKey>> {
    db.query(sql!("select id, sealed, certificate from signing_keys where environment = $1 and state = 'active'"))
        .find()
        .await
}

/// The public half of every key: of the one that signs, of those that will, and of those that did.
pub async fn list_public(db: &mut Db) -> Result<Vec<Json<Box<RawValue>>>> {
    db.query(sql!("select jwk from signing_keys where environment = $1 order by id desc")).values().await
}

/// Writes the key that signs from now on, unless another server was first.
pub async fn insert_active(db: &mut Db, key: &StoredKey, public: &Jwk, now: Timestamp) -> Result<()> {
    db.query(sql!(
        "insert into signing_keys (environment, id, state, sealed, certificate, jwk, created_at, updated_at)
         values ($1, $2, 'active', $3, $4, $5, $6, $6)
         on conflict (environment) where state = 'active' do nothing"
    ))
    .bind(&key.id)
    .bind(&key.sealed)
    .bind(&key.certificate)
    .bind(Json(public))
    .bind(now)
    .run()
    .await
    .map(drop)
}
