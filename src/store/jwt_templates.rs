//! Templates of access tokens.

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::model::jwt_templates::JwtTemplate;
use crate::sql;

/// The template of the environment, if it has one.
pub async fn find(db: &mut Db) -> Result<Option<JwtTemplate>> {
    db.query(sql!("select content, created_at, updated_at from jwt_templates where environment = $1")).find().await
}

/// Makes this the template of the environment. One that says the same already stays as it is.
pub async fn set(db: &mut Db, content: &str, now: Timestamp) -> Result<JwtTemplate> {
    db.query(sql!(
        "insert into jwt_templates as t (environment, content, created_at, updated_at) values ($1, $2, $3, $3)
         on conflict on constraint jwt_templates_pkey do update
         set content = excluded.content,
             updated_at = case when t.content = excluded.content then t.updated_at else excluded.updated_at end
         returning content, created_at, updated_at"
    ))
    .bind(content)
    .bind(now)
    .one()
    .await
}

/// Removes the template; whether there was one.
pub async fn delete(db: &mut Db) -> Result<bool> {
    Ok(db.query(sql!("delete from jwt_templates where environment = $1")).run().await? > 0)
}
