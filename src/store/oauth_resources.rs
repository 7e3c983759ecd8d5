//! Resources that tokens can be asked for.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OauthResourceId, OauthResourceKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::oauth_resources::OauthResource;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "r.id, r.uri, r.is_default, r.created_at, r.updated_at"
    };
}

/// A page of resources.
pub async fn list(db: &mut Db, page: &Page<OauthResourceKind>) -> Result<List<OauthResource>> {
    db.page(page_sql!("select ", columns!(), " from oauth_resources r where r.environment = $1"; "r.id"), page)
        .list(|resource: &OauthResource| resource.id.as_str())
        .await
}

/// The resource of this address.
pub async fn find_by_uri(db: &mut Db, uri: &str) -> Result<Option<OauthResource>> {
    db.query(sql!("select ", columns!(), " from oauth_resources r where r.environment = $1 and r.uri = $2"))
        .bind(uri)
        .find()
        .await
}

/// Holds which of the environment's resources is the default, until the transaction ends.
///
/// There may be no row yet that could be held, so it is the environment's own; what is made in it meanwhile does not
/// wait, for that holds its key only.
pub async fn lock_default(db: &mut Db) -> Result<()> {
    db.query(sql!("select true from environments where key = $1 for no key update")).run().await.map(drop)
}

/// The resource that must be there, held until the transaction ends.
pub async fn lock(db: &mut Db, id: &OauthResourceId) -> Result<OauthResource> {
    db.query(sql!("select ", columns!(), " from oauth_resources r where r.environment = $1 and r.id = $2 for update"))
        .bind(id)
        .find()
        .await?
        .ok_or_else(|| Error::missing(id))
}

/// Takes from the default that it is.
pub async fn clear_default(db: &mut Db, now: Timestamp) -> Result<()> {
    db.query(sql!(
        "update oauth_resources set is_default = false, updated_at = $2 where environment = $1 and is_default"
    ))
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// Writes a new resource.
pub async fn insert(db: &mut Db, resource: &OauthResource) -> Result<()> {
    db.query(sql!(
        "insert into oauth_resources (environment, id, uri, is_default, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6)"
    ))
    .bind(&resource.id)
    .bind(&resource.uri)
    .bind(resource.is_default)
    .bind(resource.created_at)
    .bind(resource.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("oauth_resources_uri_key", || {
        // Not a conflict, as elsewhere: the API answers it with 422.
        let message = format!("Resource '{}' already exists.", resource.uri);
        Error::unprocessable("resource_already_exists", message)
    })
}

/// Writes a changed resource.
pub async fn update(db: &mut Db, resource: &OauthResource) -> Result<()> {
    db.query(sql!("update oauth_resources set is_default = $3, updated_at = $4 where environment = $1 and id = $2"))
        .bind(&resource.id)
        .bind(resource.is_default)
        .bind(resource.updated_at)
        .run()
        .await
        .map(drop)
}

/// Removes a resource.
pub async fn delete(db: &mut Db, id: &OauthResourceId) -> Result<()> {
    db.query(sql!("delete from oauth_resources where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}
