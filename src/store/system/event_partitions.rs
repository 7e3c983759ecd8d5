//! The partitions of the event log: one for each day in UTC, named after it (`events_20260115`), and the default one.
//!
//! A partition is named in the text of a statement, where no parameter can stand; the only thing that these texts are
//! made of is moments.
//!
//! Making and dropping a partition both take the log for themselves for a few milliseconds. A milder lock would do for
//! making one, but then a reader that had looked up the partitions just before could pass over events in the new one.
//! Dropping cannot be done mildly (`detach concurrently`) while there is a default partition. Who calls this sets how
//! long it waits for the lock with [`limit_waiting`], since everybody else waits behind it meanwhile.

use crate::db::System;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::sql;

const DAY_SECONDS: i64 = 86_400;

/// The days that have a partition, by their beginnings, oldest first.
pub async fn list(system: &mut System) -> Result<Vec<Timestamp>> {
    system
        .query(sql!(
            "select (right(c.relname, 8)::date)::timestamp at time zone 'UTC' as day
             from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = 'events'::regclass and c.relname ~ '^events_[0-9]{8}$'
             order by day"
        ))
        .values()
        .await
}

/// Takes the right to change partitions for the rest of the transaction, unless another server has it.
pub async fn try_lock(system: &mut System) -> Result<bool> {
    // Any number will do that nothing else uses: the letters "events" on a keypad.
    system.query(sql!("select pg_try_advisory_xact_lock(383687)")).value().await
}

/// From here to the end of the transaction, fails rather than waits longer than this for a lock.
pub async fn limit_waiting(system: &mut System) -> Result<()> {
    system.query(sql!("select set_config('lock_timeout', '200ms', true)")).value::<String>().await.map(drop)
}

/// Makes the partition of the day that begins at this moment, and moves there what the default one holds of it.
pub async fn insert(system: &mut System, day: Timestamp) -> Result<()> {
    let (name, from, to) = (name(day), day.midnight(), day.midnight().plus_seconds(DAY_SECONDS));
    system
        .define(format!(
            "lock table only events in access exclusive mode;
             create table {name} (like events including all);
             with moved as (
                 delete from events_default where created_at >= '{from}' and created_at < '{to}'
                 returning environment, epoch, xid, position, id, name, organization_id, data, context, created_at
             )
             insert into {name} (environment, epoch, xid, position, id, name, organization_id, data, context, created_at)
             select environment, epoch, xid, position, id, name, organization_id, data, context, created_at from moved;
             alter table events attach partition {name} for values from ('{from}') to ('{to}')"
        ))
        .await
}

/// Drops the partition of the day that begins at this moment, with all its events.
pub async fn delete(system: &mut System, day: Timestamp) -> Result<()> {
    system.define(format!("drop table {}", name(day))).await
}

/// Deletes what is older than this from the default partition; how many.
pub async fn delete_strays(system: &mut System, before: Timestamp) -> Result<u64> {
    system.query(sql!("delete from events_default where created_at < $1")).bind(before).run().await
}

fn name(day: Timestamp) -> String {
    format!("events_{}", day.day())
}
