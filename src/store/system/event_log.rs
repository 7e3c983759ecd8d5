//! The event log as a whole, across environments.

use sqlx::FromRow;

use crate::db::System;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::sql;

/// Where the log ends.
#[derive(Debug, FromRow)]
pub struct Head {
    /// The epoch that events are written in.
    pub epoch: i32,
    /// The position of the newest event, if there is one.
    pub position: Option<i64>,
    /// When it happened.
    pub newest: Option<Timestamp>,
    /// When the oldest event happened that readers are not shown yet, because one that still runs could come before it.
    pub hidden: Option<Timestamp>,
}

/// Where the log ends just now. Both ends are found in the index, whatever the length of the log.
pub async fn find_head(system: &mut System) -> Result<Head> {
    system
        .query(sql!(
            "select v.epoch, n.position, n.created_at as newest, h.created_at as hidden
             from event_epoch v
                  left join lateral (
                      select position, created_at from events order by epoch + 0 desc, xid desc, position desc limit 1
                  ) n on true
                  left join lateral (
                      select created_at from events
                      where epoch + 0 = v.epoch and xid >= pg_snapshot_xmin(pg_current_snapshot())
                      order by epoch + 0, xid, position limit 1
                  ) h on true"
        ))
        .one()
        .await
}
