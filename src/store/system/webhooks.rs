//! The queue of webhooks, across environments: from the log into deliveries, from deliveries to whoever sends them, and
//! what came of it.
//!
//! Everything here may be done by several servers at once. The log is read by one at a time, who holds the cursor. A
//! delivery is taken by moving its `due_at` into the future: if its server dies, it is due again by itself.

use serde_json::value::RawValue;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::db::{EnvironmentKey, System};
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, WebhookDeliveryId, WebhookEndpointId};
use crate::model::events::LoggedEvent;
use crate::model::webhook_deliveries::Status;
use crate::model::webhook_endpoints::SealedSecrets;
use crate::sql;

/// Rows that are deleted at once.
pub const BATCH: u64 = 5000;

/// A place in the log.
#[derive(Debug, Clone, FromRow)]
pub struct Place {
    epoch: i32,
    xid: String,
    position: i64,
}

/// How far the log has been read, held until the transaction ends; None while another server is at it.
pub async fn try_lock_cursor(system: &mut System) -> Result<Option<Place>> {
    system.query(sql!("select epoch, xid::text, position from webhook_cursor for update skip locked")).find().await
}

/// The last of the next so many events that are certain to have no other before them, and how many they are.
pub async fn find_end(system: &mut System, start: &Place, rows: i64) -> Result<Option<(Place, i64)>> {
    #[derive(FromRow)]
    struct End {
        #[sqlx(flatten)]
        place: Place,
        passed: i64,
    }
    // Why `given` and `once`: see where the log is read for the API (`store/events.rs`).
    let end: Option<End> = system
        .query(sql!(
            "with given as materialized (select $1::integer as epoch, $2::xid8 as xid, $3::bigint as position)
             select next.epoch, next.xid::text, next.position, count(*) over () as passed
             from given
                  cross join lateral (
                      select e.epoch, e.xid, e.position
                      from events e cross join generate_series(1, (select 1)) as once
                      where (e.epoch + 0, e.xid, e.position) > (given.epoch, given.xid, given.position)
                        and (e.epoch + 0, e.xid)
                            < ((select epoch from event_epoch), pg_snapshot_xmin(pg_current_snapshot()))
                      order by e.epoch + 0, e.xid, e.position limit (select $4::bigint)) as next
             order by next.epoch desc, next.xid desc, next.position desc limit 1"
        ))
        .bind(start.epoch)
        .bind(&start.xid)
        .bind(start.position)
        .bind(rows)
        .find()
        .await?;
    Ok(end.map(|end| (end.place, end.passed)))
}

/// An event that an endpoint is to be told of.
#[derive(Debug, FromRow)]
pub struct Owed {
    /// The environment of both.
    pub environment: EnvironmentKey,
    /// Whom.
    pub endpoint_id: WebhookEndpointId,
    /// Of what.
    pub event_id: EventId,
    /// Its name.
    pub event_name: String,
    /// When it happened.
    pub event_at: Timestamp,
}

/// Whom the events between two places, the second included, are owed: enabled endpoints that name them and are older
/// than they are. There are at most so many of those events. The endpoints cannot be deleted until the transaction ends.
pub async fn list_owed(system: &mut System, (start, end): (&Place, &Place), rows: i64) -> Result<Vec<Owed>> {
    // Why `given` and `once`: see where the log is read for the API (`store/events.rs`).
    system
        .query(sql!(
            "with given as materialized (
                 select $1::integer as epoch, $2::xid8 as xid, $3::bigint as position,
                        $4::integer as end_epoch, $5::xid8 as end_xid, $6::bigint as end_position)
             select e.environment, w.id as endpoint_id, e.id as event_id, e.name as event_name, e.created_at as event_at
             from given
                  cross join lateral (
                      select e.environment, e.id, e.name, e.created_at, e.epoch, e.xid, e.position
                      from events e cross join generate_series(1, (select 1)) as once
                      where (e.epoch + 0, e.xid, e.position) > (given.epoch, given.xid, given.position)
                        and (e.epoch + 0, e.xid, e.position) <= (given.end_epoch, given.end_xid, given.end_position)
                      order by e.epoch + 0, e.xid, e.position limit (select $7::bigint)) as e
                  join webhook_endpoints w
                       on w.environment = e.environment and w.status = 'enabled' and w.deleted_at is null
                          and e.name = any(w.events)
                          and (e.epoch > w.epoch or not pg_visible_in_snapshot(e.xid, w.snapshot))
             order by e.epoch, e.xid, e.position
             for key share of w"
        ))
        .bind(start.epoch)
        .bind(&start.xid)
        .bind(start.position)
        .bind(end.epoch)
        .bind(&end.xid)
        .bind(end.position)
        .bind(rows)
        .all()
        .await
}

/// Queues deliveries, the first attempt at once. What has been queued by hand in the meantime is not queued again.
pub async fn insert_deliveries(system: &mut System, owed: &[Owed], ids: &[WebhookDeliveryId]) -> Result<()> {
    let now = system.now();
    let (mut environments, mut endpoints) = (Vec::new(), Vec::new());
    let (mut events, mut names, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for one in owed {
        environments.push(one.environment);
        endpoints.push(&one.endpoint_id);
        events.push(&one.event_id);
        names.push(one.event_name.as_str());
        moments.push(one.event_at);
    }
    system
        .query(sql!(
            "insert into webhook_deliveries
                 (environment, id, endpoint_id, event_id, event_name, event_at, due_at, created_at)
             select n.environment, n.id, n.endpoint_id, n.event_id, n.event_name, n.event_at, $7, $7
             from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
                  as n (environment, id, endpoint_id, event_id, event_name, event_at)
             on conflict on constraint webhook_deliveries_event_key do nothing"
        ))
        .bind(environments.iter().map(|key| key.number()).collect::<Vec<_>>())
        .bind(ids)
        .bind(endpoints)
        .bind(events)
        .bind(names)
        .bind(moments)
        .bind(now)
        .run()
        .await
        .map(drop)
}

/// The log has been read up to here.
pub async fn move_cursor(system: &mut System, place: &Place) -> Result<()> {
    system
        .query(sql!("update webhook_cursor set epoch = $1, xid = $2::xid8, position = $3"))
        .bind(place.epoch)
        .bind(&place.xid)
        .bind(place.position)
        .run()
        .await
        .map(drop)
}

/// A delivery that this server has taken and must send now.
#[derive(Debug, FromRow)]
pub struct Taken {
    /// The environment.
    pub environment: EnvironmentKey,
    /// The delivery.
    pub id: WebhookDeliveryId,
    /// Whom it is owed.
    pub endpoint_id: WebhookEndpointId,
    /// Where that is.
    pub endpoint_url: String,
    /// What to sign with.
    #[sqlx(flatten)]
    pub secrets: SealedSecrets,
    /// What it is owed.
    pub event_id: EventId,
    /// When that happened.
    pub event_at: Timestamp,
    /// The number of this attempt.
    pub attempts: i32,
    /// Its number since the delivery was last queued.
    pub tries: i32,
}

/// How many more deliveries an endpoint may be sent by this server at once.
#[derive(Debug)]
pub struct Room {
    /// The environment.
    pub environment: EnvironmentKey,
    /// The endpoint.
    pub endpoint: WebhookEndpointId,
    /// How many.
    pub room: i32,
}

// The endpoints that have something in their queue are found by leaping from one to the next in the index of the
// queues, so the cost goes by their number and not by that of their deliveries.
macro_rules! queues {
    () => {
        "with recursive queue as (
             (select environment, endpoint_id from webhook_deliveries where status = 'pending'
              order by environment, endpoint_id limit 1)
             union all
             select next.environment, next.endpoint_id
             from queue q cross join lateral (
                 select d.environment, d.endpoint_id from webhook_deliveries d
                 where d.status = 'pending' and (d.environment, d.endpoint_id) > (q.environment, q.endpoint_id)
                 order by d.environment, d.endpoint_id limit 1) as next
         )"
    };
}

/// Has the statements of this transaction go by indexes. The queue is empty one moment and full the next, and plans are
/// made, and kept, by what the statistics said last: for an empty table they read all of it for each row.
pub async fn keep_to_indexes(system: &mut System) -> Result<()> {
    system.query(sql!("select set_config('enable_seqscan', 'off', true)")).run().await.map(drop)
}

/// Takes up to `total` deliveries that are due, until `lease`: of each endpoint at most `usual`, or what [`Room`] says,
/// and first of those endpoints that have waited longest, so that nobody's queue stands before another's.
pub async fn take(
    system: &mut System,
    lease: Timestamp,
    (total, usual): (i32, i32),
    rooms: &[Room],
) -> Result<Vec<Taken>> {
    let now = system.now();
    system
        .query(sql!(
            queues!(),
            ", ready as (
                 select q.environment, q.endpoint_id, coalesce(known.room, $4) as room, first.due_at
                 from queue q
                      join webhook_endpoints w
                           on w.environment = q.environment and w.id = q.endpoint_id and w.status = 'enabled'
                              and w.deleted_at is null
                      left join unnest($5::integer[], $6::text[], $7::integer[]) as known (environment, endpoint_id, room)
                           on known.environment = q.environment and known.endpoint_id = q.endpoint_id
                      cross join lateral (
                          select d.due_at from webhook_deliveries d
                          where d.environment = q.environment and d.endpoint_id = q.endpoint_id and d.status = 'pending'
                            and d.due_at <= $1
                          order by d.due_at limit 1) as first
                 where coalesce(known.room, $4) > 0
                 order by first.due_at limit $3
             ), taken as (
                 select d.environment, d.id
                 from ready r cross join lateral (
                     select d.environment, d.id from webhook_deliveries d
                     where d.environment = r.environment and d.endpoint_id = r.endpoint_id and d.status = 'pending'
                       and d.due_at <= $1
                     order by d.due_at limit r.room for update skip locked) as d
                 limit $3
             )
             update webhook_deliveries d
             set due_at = $2, attempts = d.attempts + 1, tries = d.tries + 1
             from taken t, webhook_endpoints w
             where d.environment = t.environment and d.id = t.id and w.environment = d.environment
               and w.id = d.endpoint_id
             returning d.environment, d.id, d.endpoint_id, w.endpoint_url, w.secret, w.next_secret, w.next_secret_at,
                       w.former_secret_until, d.event_id, d.event_at, d.attempts, d.tries"
        ))
        .bind(now)
        .bind(lease)
        .bind(total)
        .bind(usual)
        .bind(rooms.iter().map(|room| room.environment.number()).collect::<Vec<_>>())
        .bind(rooms.iter().map(|room| &room.endpoint).collect::<Vec<_>>())
        .bind(rooms.iter().map(|room| room.room).collect::<Vec<_>>())
        .all()
        .await
}

/// Those of these events that are still in the log.
pub async fn list_events(system: &mut System, events: &[(&EventId, Timestamp)]) -> Result<Vec<LoggedEvent>> {
    let (ids, moments): (Vec<_>, Vec<_>) = events.iter().copied().unzip();
    system
        .query(sql!(
            "select e.id, e.name, e.data, e.context, e.created_at
             from unnest($1::text[], $2::timestamptz[]) as wanted (id, moment)
                  cross join lateral (
                      select id, name, data, context, created_at from events
                      where id = wanted.id and created_at = wanted.moment limit 1) as e"
        ))
        .bind(ids)
        .bind(moments)
        .all()
        .await
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Outcome {
    /// The environment.
    pub environment: EnvironmentKey,
    /// The delivery.
    pub id: WebhookDeliveryId,
    /// The number of the attempt.
    pub number: i32,
    /// Its number since the delivery was queued, or queued again: a replay begins anew.
    pub tries: i32,
    /// How the delivery stands now.
    pub status: Status,
    /// When it is due again, or when it came to its end.
    pub moment: Timestamp,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
    /// The status of the answer.
    pub status_code: Option<i32>,
    /// What went wrong.
    pub error: Option<String>,
    /// Some of the headers of the answer.
    pub response_headers: Option<Json<Box<RawValue>>>,
    /// The beginning of its body.
    pub response_body: Option<String>,
}

/// Writes what came of attempts into their deliveries, unless another server has taken these over since, or somebody has
/// asked for them again.
pub async fn update_deliveries(system: &mut System, outcomes: &[&Outcome]) -> Result<()> {
    system
        .query(sql!(
            "update webhook_deliveries d
             set status = o.status, due_at = o.moment,
                 finished_at = case when o.status <> 'pending' then o.moment end
             from unnest($1::integer[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::timestamptz[])
                  as o (environment, id, number, tries, status, moment)
             where d.environment = o.environment and d.id = o.id and d.attempts = o.number and d.tries = o.tries
               and d.status = 'pending'"
        ))
        .bind(outcomes.iter().map(|outcome| outcome.environment.number()).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| &outcome.id).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.number).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.tries).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.status).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.moment).collect::<Vec<_>>())
        .run()
        .await
        .map(drop)
}

/// Keeps what came of attempts, of deliveries that are still there.
pub async fn insert_attempts(system: &mut System, outcomes: &[&Outcome]) -> Result<()> {
    system
        .query(sql!(
            "insert into webhook_attempts (environment, delivery_id, number, started_at, duration_ms, status_code, error,
                                           response_headers, response_body)
             select o.environment, o.id, o.number, o.started_at, o.duration_ms, o.status_code, o.error,
                    o.response_headers, o.response_body
             from unnest($1::integer[], $2::text[], $3::integer[], $4::timestamptz[], $5::integer[], $6::integer[],
                         $7::text[], $8::json[], $9::text[])
                  as o (environment, id, number, started_at, duration_ms, status_code, error, response_headers,
                        response_body)
                  join webhook_deliveries d on d.environment = o.environment and d.id = o.id
             for key share of d
             on conflict on constraint webhook_attempts_pkey do nothing"
        ))
        .bind(outcomes.iter().map(|outcome| outcome.environment.number()).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| &outcome.id).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.number).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.started_at).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.duration_ms).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.status_code).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.error.as_deref()).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.response_headers.clone()).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|outcome| outcome.response_body.as_deref()).collect::<Vec<_>>())
        .run()
        .await
        .map(drop)
}

/// Deletes deliveries that came to their end before this moment, with their attempts; how many.
pub async fn delete_finished(system: &mut System, before: Timestamp) -> Result<u64> {
    system
        .query(sql!(
            "delete from webhook_deliveries d
             using (select environment, id from webhook_deliveries where status <> 'pending' and finished_at < $1
                    limit 5000 for update skip locked) old
             where d.environment = old.environment and d.id = old.id"
        ))
        .bind(before)
        .run()
        .await
}

/// Ends deliveries whose event is older than this, which can only have waited for a disabled endpoint: the log no
/// longer has what they would send. How many.
pub async fn bury_outdated(system: &mut System, before: Timestamp) -> Result<u64> {
    let now = system.now();
    system
        .query(sql!(
            queues!(),
            " update webhook_deliveries d
             set status = 'dead', finished_at = $2
             from (select d.environment, d.id
                   from queue q cross join lateral (
                       select d.environment, d.id from webhook_deliveries d
                       where d.environment = q.environment and d.endpoint_id = q.endpoint_id and d.status = 'pending'
                         and d.due_at < $1 and d.event_at < $1
                       order by d.due_at limit 5000 for update skip locked) as d
                   limit 5000) as old
             where d.environment = old.environment and d.id = old.id"
        ))
        .bind(before)
        .bind(now)
        .run()
        .await
}

/// Deletes some of what deleted endpoints were owed; how many.
pub async fn delete_orphans(system: &mut System) -> Result<u64> {
    system
        .query(sql!(
            "delete from webhook_deliveries d
             using (select d.environment, d.id
                    from webhook_endpoints w cross join lateral (
                        select environment, id from webhook_deliveries
                        where environment = w.environment and endpoint_id = w.id
                        limit 5000 for update skip locked) as d
                    where w.deleted_at is not null limit 5000) as old
             where d.environment = old.environment and d.id = old.id"
        ))
        .run()
        .await
}

/// Removes the rows of deleted endpoints that are owed nothing any more; how many.
pub async fn delete_endpoints(system: &mut System) -> Result<u64> {
    system
        .query(sql!(
            "delete from webhook_endpoints w
             where w.deleted_at is not null and not exists (
                 select from webhook_deliveries d where d.environment = w.environment and d.endpoint_id = w.id)"
        ))
        .run()
        .await
}

/// How the queue stands.
#[derive(Debug, FromRow)]
pub struct Figures {
    /// The moment since which the delivery that waits longest has been due.
    pub oldest_due: Option<Timestamp>,
    /// Deliveries that are dead.
    pub dead: i64,
    /// Events that have not been read: of very many, 10,000.
    pub undispatched: i64,
    /// When the first of them happened.
    pub oldest_undispatched: Option<Timestamp>,
}

/// How the queue stands.
pub async fn figures(system: &mut System) -> Result<Figures> {
    let now = system.now();
    system
        .query(sql!(
            queues!(),
            ", waiting as (
                 select first.due_at
                 from queue q
                      join webhook_endpoints w
                           on w.environment = q.environment and w.id = q.endpoint_id and w.status = 'enabled'
                              and w.deleted_at is null
                      cross join lateral (
                          select d.due_at from webhook_deliveries d
                          where d.environment = q.environment and d.endpoint_id = q.endpoint_id and d.status = 'pending'
                            and d.due_at <= $1
                          order by d.due_at limit 1) as first
             ), unread as (
                 select e.created_at
                 from (select epoch, xid, position from webhook_cursor) as c
                      cross join lateral (
                          select created_at from events cross join generate_series(1, (select 1)) as once
                          where (epoch + 0, xid, position) > (c.epoch, c.xid, c.position)
                          order by epoch + 0, xid, position limit 10000) as e
             )
             select (select min(due_at) from waiting) as oldest_due,
                    (select count(*) from webhook_deliveries where status = 'dead') as dead,
                    (select count(*) from unread) as undispatched,
                    (select min(created_at) from unread) as oldest_undispatched"
        ))
        .bind(now)
        .one()
        .await
}
