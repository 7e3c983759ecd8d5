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
// environment with a handful among them takes 0.5 ms, all names of the catalogue together 20 ms, and planning 2 ms.
// A window closed on both sides costs more: PostgreSQL does not stop at the far end of a range when it is told by
// columns behind an equal epoch, and so reads the rest of the range in the index, though not in the table.
macro_rules! between {
    ($direction:literal) => {
        concat!(
            "select e.id, e.name, e.data, e.context, e.created_at
             from (select distinct unnest($8::text[])) as wanted (name)
                  cross join lateral (
                      select id, name, data, context, created_at, epoch, xid, position
                      from events
                      where environment = $1
                        and name = wanted.name
                        and (epoch, xid, position) > ($2, $3::xid8, $4)
                        and (epoch, xid, position) < ($5, $6::xid8, $7)
                        and (epoch, xid) < ((select epoch from event_epoch), pg_snapshot_xmin(pg_current_snapshot()))
                        and created_at >= $9
                        and created_at < $10
                        and ($11::text is null or organization_id = $11)
                      order by epoch ",
            $direction,
            ", xid ",
            $direction,
            ", position ",
            $direction,
            "
                      limit $12
                  ) as e
             order by e.epoch ",
            $direction,
            ", e.xid ",
            $direction,
            ", e.position ",
            $direction,
            "
             limit $12"
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
