//! `pgbench`, the floor of writing: one row a transaction.

use std::process::Command;
use std::time::Duration;

use super::common::Fault;
use super::place::Place;

const SCRIPT: &str = "\
insert into floor_written (id, name, metadata)
values ('org_' || gen_random_uuid(), 'Acme', '{\"tier\": \"gold\"}');
";

/// Transactions a second of that many clients.
pub async fn run(place: &Place, clients: usize, time: Duration) -> Result<f64, Fault> {
    let script = place.folder.join("insert.sql");
    std::fs::write(&script, SCRIPT)?;
    let mut command = Command::new("pgbench");
    command
        .args(["--no-vacuum", "--protocol=prepared", "--username=postgres"])
        .arg(format!("--client={clients}"))
        .arg(format!("--time={}", time.as_secs().max(1)))
        .arg(format!("--host={}", place.socket.display()))
        .arg(format!("--file={}", script.display()))
        .arg("floor");
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.ok_or_else(|| format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// How often the write-ahead log was synced so far.
pub async fn syncs(place: &Place) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar("select wal_sync from pg_stat_wal").fetch_one(&place.pool).await?)
}
