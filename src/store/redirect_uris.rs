//! Redirect URIs.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{RedirectUriId, RedirectUriKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::redirect_uris::RedirectUri;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "r.id, r.uri, r.is_default, r.created_at, r.updated_at"
    };
}

/// A page of redirect URIs.
pub async fn list(db: &mut Db, page: &Page<RedirectUriKind>) -> Result<List<RedirectUri>> {
    db.page(page_sql!("select ", columns!(), " from redirect_uris r where r.environment = $1"; "r.id"), page)
        .list(|redirect: &RedirectUri| redirect.id.as_str())
        .await
}

/// The redirect URI of this address.
pub async fn find_by_uri(db: &mut Db, uri: &str) -> Result<Option<RedirectUri>> {
    db.query(sql!("select ", columns!(), " from redirect_uris r where r.environment = $1 and r.uri = $2"))
        .bind(uri)
        .find()
        .await
}

/// Holds which of the environment's redirect URIs is the default, until the transaction ends.
///
/// There may be no row yet that could be held, so it is the environment's own; what is made in it meanwhile does not
/// wait, for that holds its key only.
pub async fn lock_default(db: &mut Db) -> Result<()> {
    db.query(sql!("select true from environments where key = $1 for no key update")).run().await.map(drop)
}

/// The redirect URI that must be there, held until the transaction ends.
pub async fn lock(db: &mut Db, id: &RedirectUriId) -> Result<RedirectUri> {
    db.query(sql!("select ", columns!(), " from redirect_uris r where r.environment = $1 and r.id = $2 for update"))
        .bind(id)
        .find()
        .await?
        .ok_or_else(|| Error::missing(id))
}

/// Whether there is a default.
pub async fn has_default(db: &mut Db) -> Result<bool> {
    db.query(sql!("select exists (select from redirect_uris where environment = $1 and is_default)")).value().await
}

/// Takes from the default that it is.
pub async fn clear_default(db: &mut Db, now: Timestamp) -> Result<()> {
    db.query(sql!("update redirect_uris set is_default = false, updated_at = $2 where environment = $1 and is_default"))
        .bind(now)
        .run()
        .await
        .map(drop)
}

/// Writes a new redirect URI.
pub async fn insert(db: &mut Db, redirect: &RedirectUri) -> Result<()> {
    db.query(sql!(
        "insert into redirect_uris (environment, id, uri, is_default, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6)"
    ))
    .bind(&redirect.id)
    .bind(&redirect.uri)
    .bind(redirect.is_default)
    .bind(redirect.created_at)
    .bind(redirect.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("redirect_uris_uri_key", || {
        // Not a conflict, as elsewhere: the API answers it with 422.
        let message = format!("Redirect URI '{}' already exists.", redirect.uri);
        Error::unprocessable("redirect_uri_already_exists", message)
    })
}

/// Writes a changed redirect URI.
pub async fn update(db: &mut Db, redirect: &RedirectUri) -> Result<()> {
    db.query(sql!("update redirect_uris set is_default = $3, updated_at = $4 where environment = $1 and id = $2"))
        .bind(&redirect.id)
        .bind(redirect.is_default)
        .bind(redirect.updated_at)
        .run()
        .await
        .map(drop)
}

/// Removes a redirect URI.
pub async fn delete(db: &mut Db, id: &RedirectUriId) -> Result<()> {
    db.query(sql!("delete from redirect_uris where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}
