//! Where it is measured: one durable PostgreSQL for all sides, the server and the floor as processes beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::postgres::{PgPool, PgPoolOptions};
use vestibule::db::embedded::{Cluster, Settings};

use super::common::process::Running;
use super::common::server::Server;
use super::common::{Fault, floor, folder_for};

/// A cluster, a server and a floor, all of them gone when it is dropped.
pub struct Place {
    // In the order in which they end.
    server: Server,
    floor: Running,
    pub address: SocketAddr,
    pub floor_address: SocketAddr,
    /// The floor's database.
    pub pool: PgPool,
    pub folder: PathBuf,
    pub socket: PathBuf,
    cluster: Option<Cluster>,
}

impl Place {
    /// Begins on an empty folder.
    pub async fn begin(server: &Path) -> Result<Self, Fault> {
        let folder = folder_for("load")?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let settings = Settings { data_dir: folder.clone(), keeper: server.to_owned(), durable: true };
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(&settings)).await??;
        let options = cluster.options();
        let socket = options.get_socket().ok_or("the cluster has no socket")?.clone();
        let made = PgPoolOptions::new().connect_with(options.clone()).await?;
        sqlx::raw_sql("create database floor").execute(&made).await?;
        made.close().await;
        let pool = PgPoolOptions::new().max_connections(2).connect_with(options.database("floor")).await?;
        sqlx::raw_sql(floor::TABLE).execute(&pool).await?;
        sqlx::raw_sql(WRITTEN).execute(&pool).await?;

        let url = |database| format!("postgres://postgres@localhost/{database}?host={}", socket.display());
        let (floor, floor_address) = floor::begin(&url("floor"))?;
        let server = Server::begin(server, &folder, &url("vestibule")).await?;
        let address = server.address;
        Ok(Self { server, floor, address, floor_address, pool, folder, socket, cluster: Some(cluster) })
    }

    /// Sends one request, which must be answered with this status.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Result<Value, Fault> {
        self.server.call(method, path, body, status).await
    }

    /// What the kernel says of the server's memory, in MiB: now, and at most so far.
    pub fn memory(&self) -> Result<(f64, f64), Fault> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.running.id()))?;
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            kibibytes.map(|kibibytes| kibibytes / 1024.0).ok_or("/proc does not tell the memory")
        };
        Ok((mebibytes("VmRSS")?, mebibytes("VmHWM")?))
    }

    /// The server, the floor and the first process of PostgreSQL.
    pub fn processes(&self) -> Result<(u32, u32, u32), Fault> {
        let file = std::fs::read_to_string(self.folder.join("postgres/pgdata/postmaster.pid"))?;
        let postmaster = file.lines().next().ok_or("PostgreSQL does not run")?.parse()?;
        Ok((self.server.running.id(), self.floor.id(), postmaster))
    }

    /// Does what autovacuum would do a little later: plans are made for tables as they are.
    pub async fn tidy(&self) -> Result<(), Fault> {
        for database in ["floor", "vestibule"] {
            let options = self.pool.connect_options().as_ref().clone().database(database);
            let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
            sqlx::raw_sql("vacuum analyze").execute(&pool).await?;
            pool.close().await;
        }
        Ok(())
    }

    /// Ends all of it in order.
    pub async fn end(mut self) -> Result<(), Fault> {
        self.server.running.end();
        self.floor.end();
        self.pool.close().await;
        if let Some(cluster) = self.cluster.take() {
            tokio::task::spawn_blocking(move || cluster.stop()).await??;
        }
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

/// What `pgbench` writes: rows as the floor reads them.
const WRITTEN: &str = "create table floor_written (like floor_rows including all)";
