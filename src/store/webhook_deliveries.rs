//! Webhook deliveries of one environment: looking at them, and queueing them again. The queue itself is worked off by
//! [`system::webhooks`](super::system::webhooks).

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, WebhookDeliveryId, WebhookDeliveryKind, WebhookEndpointId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::webhook_deliveries::{Status, WebhookAttempt, WebhookDelivery};
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "d.id, d.endpoint_id, d.event_id, d.event_name as event, d.status, d.attempts,
         case when d.status = 'pending' then d.due_at end as next_attempt_at, d.finished_at, d.created_at"
    };
}

/// Which deliveries a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those owed to this endpoint.
    pub endpoint: Option<WebhookEndpointId>,
    /// Those of this event.
    pub event: Option<EventId>,
    /// Those that stand so.
    pub status: Option<Status>,
}

/// The delivery that must be there.
pub async fn get(db: &mut Db, id: &WebhookDeliveryId) -> Result<WebhookDelivery> {
    db.query(sql!(
        "select ",
        columns!(),
        " from webhook_deliveries d
         join webhook_endpoints w on w.environment = d.environment and w.id = d.endpoint_id and w.deleted_at is null
         where d.environment = $1 and d.id = $2"
    ))
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// A page of deliveries.
pub async fn list(db: &mut Db, filter: &Filter, page: &Page<WebhookDeliveryKind>) -> Result<List<WebhookDelivery>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from webhook_deliveries d
             join webhook_endpoints w on w.environment = d.environment and w.id = d.endpoint_id and w.deleted_at is null
             where d.environment = $1
               and ($5::text is null or d.endpoint_id = $5)
               and ($6::text is null or d.event_id = $6)
               and ($7::text is null or d.status = $7)";
            "d.id"
        ),
        page,
    )
    .bind(filter.endpoint.as_ref())
    .bind(filter.event.as_ref())
    .bind(filter.status)
    .list(|delivery: &WebhookDelivery| delivery.id.as_str())
    .await
}

/// The newest deliveries, at most so many.
pub async fn list_latest(db: &mut Db, filter: &Filter, rows: i64) -> Result<Vec<WebhookDelivery>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from webhook_deliveries d
         join webhook_endpoints w on w.environment = d.environment and w.id = d.endpoint_id and w.deleted_at is null
         where d.environment = $1
           and ($2::text is null or d.endpoint_id = $2)
           and ($3::text is null or d.event_id = $3)
           and ($4::text is null or d.status = $4)
         order by d.id desc limit $5"
    ))
    .bind(filter.endpoint.as_ref())
    .bind(filter.event.as_ref())
    .bind(filter.status)
    .bind(rows)
    .all()
    .await
}

/// What came of the attempts at a delivery, the first one first: of very many, the last hundred.
pub async fn list_attempts(db: &mut Db, id: &WebhookDeliveryId) -> Result<Vec<WebhookAttempt>> {
    db.query(sql!(
        "select * from (
             select number, started_at, duration_ms, status_code, error, response_headers, response_body
             from webhook_attempts where environment = $1 and delivery_id = $2 order by number desc limit 100
         ) as latest order by number"
    ))
    .bind(id)
    .all()
    .await
}

/// An event that can be queued.
#[derive(Debug, FromRow)]
pub struct Queueable {
    /// Its id.
    pub id: EventId,
    /// Its name.
    pub name: String,
    /// When it happened.
    pub created_at: Timestamp,
}

/// Those of these events that are in the log, in its order.
pub async fn list_events(db: &mut Db, ids: &[EventId]) -> Result<Vec<Queueable>> {
    // An event is in the partition of the moment that its id carries, so only those are searched.
    let moments: Vec<_> = ids.iter().map(EventId::moment).collect();
    db.query(sql!(
        "select e.id, e.name, e.created_at
         from (select distinct * from unnest($2::text[], $3::timestamptz[])) as wanted (id, moment)
              join events e on e.id = wanted.id and e.created_at = wanted.moment
         where e.environment = $1
         order by e.epoch, e.xid, e.position"
    ))
    .bind(ids)
    .bind(moments)
    .all()
    .await
}

/// Queues these events for an endpoint, anew where they have been queued before; the deliveries.
///
/// What came of earlier attempts is kept. One that is being tried at this moment may arrive twice.
pub async fn upsert(
    db: &mut Db,
    endpoint: &WebhookEndpointId,
    events: &[Queueable],
    ids: &[WebhookDeliveryId],
    now: Timestamp,
) -> Result<Vec<WebhookDeliveryId>> {
    let (event_ids, (names, moments)): (Vec<_>, (Vec<_>, Vec<_>)) =
        events.iter().map(|event| (&event.id, (event.name.as_str(), event.created_at))).unzip();
    db.query(sql!(
        "insert into webhook_deliveries as d
             (environment, id, endpoint_id, event_id, event_name, event_at, due_at, created_at)
         select $1, new.id, $2, new.event_id, new.event_name, new.event_at, $7, $7
         from unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[])
              with ordinality as new (id, event_id, event_name, event_at, place)
         order by new.place
         on conflict on constraint webhook_deliveries_event_key
         do update set status = 'pending', tries = 0, due_at = excluded.due_at, finished_at = null
         returning d.id"
    ))
    .bind(endpoint)
    .bind(ids)
    .bind(event_ids)
    .bind(names)
    .bind(moments)
    .bind(now)
    .values()
    .await
}
