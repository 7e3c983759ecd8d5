//! Webhook endpoints. Those that are deleted are rows for a while yet, which nothing here shows.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{WebhookEndpointId, WebhookEndpointKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::webhook_endpoints::StoredEndpoint;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "w.id, w.endpoint_url, w.secret, w.next_secret, w.next_secret_at, w.former_secret_until, w.status, w.events,
         w.created_at, w.updated_at"
    };
}

/// The endpoint, if there is one of this id.
pub async fn find(db: &mut Db, id: &WebhookEndpointId) -> Result<Option<StoredEndpoint>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from webhook_endpoints w where w.environment = $1 and w.id = $2 and w.deleted_at is null"
    ))
    .bind(id)
    .find()
    .await
}

/// The endpoint that must be there.
pub async fn get(db: &mut Db, id: &WebhookEndpointId) -> Result<StoredEndpoint> {
    find(db, id).await?.ok_or_else(|| Error::missing(id))
}

/// The endpoint of this URL: one, or none.
pub async fn find_by_url(db: &mut Db, url: &str) -> Result<Option<StoredEndpoint>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from webhook_endpoints w where w.environment = $1 and w.endpoint_url = $2 and w.deleted_at is null"
    ))
    .bind(url)
    .find()
    .await
}

/// The endpoint, held against other changes until the transaction ends. Deliveries may go on being made for it.
pub async fn lock(db: &mut Db, id: &WebhookEndpointId) -> Result<StoredEndpoint> {
    db.query(sql!(
        "select ",
        columns!(),
        " from webhook_endpoints w where w.environment = $1 and w.id = $2 and w.deleted_at is null for no key update"
    ))
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// A page of endpoints.
pub async fn list(db: &mut Db, page: &Page<WebhookEndpointKind>) -> Result<List<StoredEndpoint>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from webhook_endpoints w where w.environment = $1 and w.deleted_at is null";
            "w.id"
        ),
        page,
    )
    .list(|endpoint: &StoredEndpoint| endpoint.id.as_str())
    .await
}

/// Writes a new endpoint. It is told of what is committed from here on.
pub async fn insert(db: &mut Db, endpoint: &StoredEndpoint) -> Result<()> {
    db.query(sql!(
        "insert into webhook_endpoints (environment, id, endpoint_url, events, status, secret, epoch, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, (select epoch from event_epoch), $7, $8)"
    ))
    .bind(&endpoint.id)
    .bind(&endpoint.endpoint_url)
    .bind(&endpoint.events)
    .bind(endpoint.status)
    .bind(&endpoint.secrets.secret)
    .bind(endpoint.created_at)
    .bind(endpoint.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("webhook_endpoints_url_key", duplicate)
    .on_constraint("webhook_endpoints_pkey", || {
        Error::conflict("duplicate_endpoint", "A webhook endpoint with this id already exists.")
    })
}

fn duplicate() -> Error {
    Error::conflict("duplicate_endpoint", "A webhook endpoint with this URL already exists.")
}

/// Writes a changed endpoint, its secrets included.
pub async fn update(db: &mut Db, endpoint: &StoredEndpoint) -> Result<()> {
    db.query(sql!(
        "update webhook_endpoints
         set endpoint_url = $3, events = $4, status = $5, secret = $6, next_secret = $7, next_secret_at = $8,
             former_secret_until = $9, updated_at = $10
         where environment = $1 and id = $2"
    ))
    .bind(&endpoint.id)
    .bind(&endpoint.endpoint_url)
    .bind(&endpoint.events)
    .bind(endpoint.status)
    .bind(&endpoint.secrets.secret)
    .bind(endpoint.secrets.next_secret.as_deref())
    .bind(endpoint.secrets.next_secret_at)
    .bind(endpoint.secrets.former_secret_until)
    .bind(endpoint.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("webhook_endpoints_url_key", duplicate)
}

/// Deletes an endpoint for everybody, and its secrets for good; whether it was there.
pub async fn delete(db: &mut Db, id: &WebhookEndpointId, now: Timestamp) -> Result<bool> {
    let rows = db
        .query(sql!(
            "update webhook_endpoints
             set deleted_at = $3, secret = '', next_secret = null, next_secret_at = null, former_secret_until = null
             where environment = $1 and id = $2 and deleted_at is null"
        ))
        .bind(id)
        .bind(now)
        .run()
        .await?;
    Ok(rows > 0)
}
