//! The floor: the least that a service of this kind can be. A process of its own, as the server is one: axum, one
//! route, one indexed `select` through sqlx, JSON of the size of an organization.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::net::TcpListener;

use super::process::Running;
use super::{CONNECTIONS, Fault};

/// The argument that makes this program the floor; the next one is the database's address.
pub const ARGUMENT: &str = "--as-the-floor";

/// Rows of the size of an organization, under ids like an organization's.
pub const TABLE: &str = r#"
    create table floor_rows (
        id text collate "C" primary key,
        name text not null,
        allow_profiles_outside_organization boolean not null default false,
        metadata jsonb not null default '{}',
        external_id text,
        stripe_customer_id text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    );
    insert into floor_rows (id, name) select 'org_' || lpad(n::text, 26, '0'), 'Acme ' || n from generate_series(0, 9999) n;
    analyze floor_rows;
"#;

/// Starts this program again, as the floor, on a database that has the table.
pub fn begin(database: &str) -> Result<(Running, SocketAddr), Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut running = Running::begin(command.args([ARGUMENT, database]).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let out = running.0.stdout.take().ok_or("the floor has no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    Ok((running, line.trim().parse()?))
}

#[derive(Serialize, sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    allow_profiles_outside_organization: bool,
    metadata: sqlx::types::Json<serde_json::Value>,
    external_id: Option<String>,
    stripe_customer_id: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Serves until standard input ends, which it does when whoever started this is gone.
pub fn main(database: &str) -> Result<(), Fault> {
    let options: PgConnectOptions = database.parse()?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    tokio::runtime::Runtime::new()?.block_on(serve(options))
}

/// As the server has it: as many connections, no ping before each use.
async fn serve(options: PgConnectOptions) -> Result<(), Fault> {
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).connect_with(options).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let router = Router::new().route("/rows/{id}", get(find)).with_state(pool);
    Ok(axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), router).await?)
}

async fn find(State(pool): State<PgPool>, Path(id): Path<String>) -> Result<impl IntoResponse, StatusCode> {
    let row: Row = sqlx::query_as(
        "select id, name, allow_profiles_outside_organization, metadata, external_id, stripe_customer_id,
                created_at, updated_at
         from floor_rows where id = $1",
    )
    .bind(id)
    .fetch_one(&pool)
    .await
    .map_err(|_| StatusCode::NOT_FOUND)?;
    let body = serde_json::to_vec(&row).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, "application/json")], body))
}
