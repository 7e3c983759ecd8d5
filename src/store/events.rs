//! The event log, as it is read.
//!
//! Only events that can have no other before them any more are shown: those whose transaction is older than every
//! one that still runs. Their order, (epoch, xid, position), is therefore final, and a cursor misses nothing.

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, OrganizationId};
use crate::model::events::LoggedEvent;
use crate::sql;

/// Which events a list shows.
#[derive(Debug)]
pub struct Filter {
    /// Those of these names.
    pub names: Vec<String>,
    /// Those that concern this organization.
    pub organization: Option<OrganizationId>,
    /// Those from this moment on.
    pub from: Timestamp,
    /// Those before this moment.
    pub to: Timestamp,
}

/// A place in the log.
#[derive(Debug, Clone, FromRow)]
pub struct Position {
    epoch: i32,
    xid: String,
    position: i64,
}

impl Position {
    /// Before everything.
    pub fn start() -> Self {
        Self { epoch: 0, xid: "0".to_owned(), position: 0 }
    }

    /// Behind everything.
    pub fn end() -> Self {
        Self { epoch: i32::MAX, xid: "0".to_owned(), position: 0 }
    }
}

/// Where this event stands in the log, if it is still there.
///
/// An event is in the partition of the moment that its id carries, so only that one is searched.
pub async fn find_position(db: &mut Db, id: &EventId) -> Result<Option<Position>> {
    db.query(sql!(
        "select epoch, xid::text, position from events where environment = $1 and id = $2 and created_at = $3"
    ))
    .bind(id)
    .bind(id.moment())
    .find()
    .await
}

// One ordered range of `events_environment_name_order_idx` for each name, in each day that the moments leave in
// question, and the first of them all. What is read is bounded by names times days times the limit, however many
// events there are of other names or in other environments: with a million events in 33 partitions, a name or an
// environment with a handful among them takes 0.5 ms, all names of the catalogue together 20 ms.
// A window closed on both sides costs more: PostgreSQL does not stop at the far end of a range when it is told by
// columns behind an equal epoch, and so reads the rest of the range in the index, though not in the table.
//
// The planner has a bad choice, which is to read the whole rest of the log and sort it, and takes it whenever it believes
// that next to nothing is left. It did so for two reasons, and neither is left to it:
//
// - It estimates the comparison of rows by their first column. All events are of one epoch, so behind a cursor that it
//   can see it believes that there is nothing. So the cursor goes by way of `given`. (That it sees nothing else of what is
//   asked, but for the moments, which tell it the days, also makes it plan once and not for each page.)
// - A plan that was made while the log was short is kept while it grows. So each event is told once, out of what the
//   planner believes to be a thousand times: to sort that many is dearer than to go by the index, even for a log in which
//   there is nothing.
macro_rules! between {
    ($direction:literal) => {
        concat!(
            "with given as materialized (
                 select $2::integer as low_epoch, $3::xid8 as low_xid, $4::bigint as low_position,
                        $5::integer as high_epoch, $6::xid8 as high_xid, $7::bigint as high_position,
                        $8::text[] as names, $11::text as organization)
             select e.id, e.name, e.data, e.context, e.created_at
             from given
                  cross join lateral (select distinct unnest(given.names)) as wanted (name)
                  cross join lateral (
                      select id, name, data, context, created_at, epoch, xid, position
                      from events cross join generate_series(1, (select 1)) as once
                      where environment = $1
                        and name = wanted.name
                        and (epoch, xid, position) > (given.low_epoch, given.low_xid, given.low_position)
                        and (epoch, xid, position) < (given.high_epoch, given.high_xid, given.high_position)
                        and (epoch, xid) < ((select epoch from event_epoch), pg_snapshot_xmin(pg_current_snapshot()))
                        and created_at >= $9
                        and created_at < $10
                        and (given.organization is null or organization_id = given.organization)
                      order by epoch ",
            $direction,
            ", xid ",
            $direction,
            ", position ",
            $direction,
            "
                      limit (select $12::bigint)
                  ) as e
             order by e.epoch ",
            $direction,
            ", e.xid ",
            $direction,
            ", e.position ",
            $direction,
            "
             limit (select $12::bigint)"
        )
    };
}

/// That many events between two places, both excluded, oldest or newest first.
pub async fn list_between(
    db: &mut Db,
    filter: &Filter,
    (start, end): (&Position, &Position),
    ascending: bool,
    rows: i64,
) -> Result<Vec<LoggedEvent>> {
    let sql = if ascending { sql!(between!("asc")) } else { sql!(between!("desc")) };
    db.query(sql)
        .bind(start.epoch)
        .bind(&start.xid)
        .bind(start.position)
        .bind(end.epoch)
        .bind(&end.xid)
        .bind(end.position)
        .bind(&filter.names)
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.organization.as_ref())
        .bind(rows)
        .all()
        .await
}
