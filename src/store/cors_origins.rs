//! CORS origins. Which origin may ask at all, whatever its environment, and how one is taken away from all servers, is
//! `system::cors_origins`.

use crate::db::{Db, OnConstraint};
use crate::kernel::id::CorsOriginKind;
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::cors_origins::CorsOrigin;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "c.id, c.origin, c.created_at, c.updated_at"
    };
}

/// A page of origins.
pub async fn list(db: &mut Db, page: &Page<CorsOriginKind>) -> Result<List<CorsOrigin>> {
    db.page(page_sql!("select ", columns!(), " from cors_origins c where c.environment = $1"; "c.id"), page)
        .list(|origin: &CorsOrigin| origin.id.as_str())
        .await
}

/// The origin of this spelling, which is the one that browsers use.
pub async fn find_by_origin(db: &mut Db, origin: &str) -> Result<Option<CorsOrigin>> {
    db.query(sql!("select ", columns!(), " from cors_origins c where c.environment = $1 and c.origin = $2"))
        .bind(origin)
        .find()
        .await
}

/// Writes a new origin.
pub async fn insert(db: &mut Db, origin: &CorsOrigin) -> Result<()> {
    db.query(sql!(
        "insert into cors_origins (environment, id, origin, created_at, updated_at) values ($1, $2, $3, $4, $5)"
    ))
    .bind(&origin.id)
    .bind(&origin.origin)
    .bind(origin.created_at)
    .bind(origin.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("cors_origins_origin_key", || {
        Error::conflict("duplicate_cors_origin", format!("CORS origin '{}' already exists.", origin.origin))
    })
}
