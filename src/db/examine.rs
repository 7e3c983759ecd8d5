//! A look at a PostgreSQL server before anything is asked of it: for `vestibule doctor`.
//!
//! On one connection without any of the pool's rules, so that a server that the pool would refuse can be described.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, FromRow};

use super::statement::failure;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::sql;

/// What the server says about itself and about us.
#[derive(Debug, FromRow)]
pub struct Examination {
    /// Its version, as `150018`.
    pub version: i32,
    /// How strings are encoded in the database.
    pub encoding: String,
    /// Whether it only reads.
    pub read_only: bool,
    /// Whether we may make tables.
    pub may_create: bool,
    /// Connections that it allows to all clients.
    pub connections: i32,
    /// Those of them that are in use.
    pub connections_used: i64,
    /// The time there.
    pub now: Timestamp,
    /// The longest that a transaction has been running, in seconds, in any database of the server.
    pub oldest_transaction_seconds: f64,
}

/// Connects and asks.
pub async fn examine(options: &PgConnectOptions) -> Result<Examination> {
    let mut connection = options.connect().await.map_err(failure)?;
    let sql = sql!(
        "select current_setting('server_version_num')::integer as version,
                pg_encoding_to_char(d.encoding)::text as encoding,
                current_setting('transaction_read_only')::boolean as read_only,
                has_schema_privilege(coalesce(current_schema(), 'public'), 'create') as may_create,
                current_setting('max_connections')::integer as connections,
                (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections_used,
                clock_timestamp() as now,
                coalesce((select extract(epoch from max(clock_timestamp() - xact_start)) from pg_stat_activity
                          where backend_type = 'client backend' and backend_xid is not null),
                         0)::double precision as oldest_transaction_seconds
         from pg_database d
         where d.datname = current_database()"
    );
    let examination = sqlx::query_as(sql.0).fetch_one(&mut connection).await.map_err(failure);
    // What was learnt is not less true because the server did not say goodbye.
    let _ = connection.close().await;
    examination
}
