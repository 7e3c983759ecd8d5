//! Where it is compared: one durable PostgreSQL for all, with settings for a machine that has memory, and a database
//! for each server and each size.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use vestibule::db::embedded::{Cluster, Settings};

use super::common::process::Running;
use super::common::server::Server;
use super::common::{Fault, floor, folder_for};
use super::forest::Forest;
use super::ours::Ours;
use super::questions::Questions;
use super::truth::Truth;
use super::{Plan, load, openfga, spicedb};

/// What all of them get. The first needs another start; the last is what SpiceDB asks for.
const SETTINGS: [&str; 4] = [
    "alter system set shared_buffers = '1GB'",
    "alter system set max_wal_size = '8GB'",
    "alter system set effective_cache_size = '4GB'",
    "alter system set track_commit_timestamp = on",
];

/// A cluster and the floor, gone when it is dropped, but for the folder where that is to be kept.
pub struct Place {
    pub floor: Running,
    pub floor_address: std::net::SocketAddr,
    pub folder: PathBuf,
    keep: bool,
    options: PgConnectOptions,
    cluster: Option<Cluster>,
}

impl Place {
    pub async fn begin(plan: &Plan) -> Result<Self, Fault> {
        let folder = plan.keep.clone().map_or_else(|| folder_for("authorization"), Ok)?;
        let keep = plan.keep.is_some();
        if folder.exists() && !keep {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let settings = Settings { data_dir: folder.clone(), keeper: plan.server.clone(), durable: true };
        let mut cluster = start(&settings).await?;
        let options = cluster.options();
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let is_new = create_database(&pool, "floor").await?;
        if is_new {
            for setting in SETTINGS {
                sqlx::raw_sql(setting).execute(&pool).await?;
            }
        }
        pool.close().await;
        if is_new {
            tokio::task::spawn_blocking(move || cluster.stop()).await??;
            cluster = start(&settings).await?;
            let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone().database("floor")).await?;
            sqlx::raw_sql(floor::TABLE).execute(&pool).await?;
            pool.close().await;
        }
        let (floor, floor_address) = floor::begin(&url(&options, "floor")?)?;
        Ok(Self { floor, floor_address, folder, keep, options, cluster: Some(cluster) })
    }

    pub async fn pool(&self, database: &str) -> Result<PgPool, Fault> {
        let options = self.options.clone().database(database);
        Ok(PgPoolOptions::new().max_connections(2).connect_with(options).await?)
    }

    pub fn postmaster(&self) -> Result<u32, Fault> {
        let file = std::fs::read_to_string(self.folder.join("postgres/pgdata/postmaster.pid"))?;
        Ok(file.lines().next().ok_or("PostgreSQL does not run")?.parse()?)
    }

    /// The address of a database, and what was noted when it was loaded. One without a note, which an attempt left that
    /// did not come to its end, is made anew.
    async fn database(&self, name: &str) -> Result<(String, Option<Value>), Fault> {
        let note = std::fs::read(self.folder.join(format!("{name}.json"))).ok();
        let note = note.and_then(|note| serde_json::from_slice(&note).ok());
        let pool = self.pool("floor").await?;
        if note.is_none() {
            sqlx::raw_sql(AssertSqlSafe(format!("drop database if exists {name}"))).execute(&pool).await?;
        }
        create_database(&pool, name).await?;
        pool.close().await;
        Ok((url(&self.options, name)?, note))
    }

    /// Notes that a database is loaded, says how long that took and how large it is.
    async fn note(&self, name: &str, note: &Value, begun: Instant) -> Result<(), Fault> {
        let pool = self.pool(name).await?;
        // What comes next is not to be measured beside what the load left to be written.
        sqlx::raw_sql("checkpoint").execute(&pool).await?;
        let size: i64 = sqlx::query_scalar("select pg_database_size(current_database())").fetch_one(&pool).await?;
        pool.close().await;
        println!("{name}: loaded in {:.0} s, {} MB", begun.elapsed().as_secs_f64(), size >> 20);
        Ok(std::fs::write(self.folder.join(format!("{name}.json")), note.to_string())?)
    }

    pub async fn end(mut self) -> Result<(), Fault> {
        self.floor.end();
        if let Some(cluster) = self.cluster.take() {
            tokio::task::spawn_blocking(move || cluster.stop()).await??;
        }
        if !self.keep {
            std::fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }
}

async fn start(settings: &Settings) -> Result<Cluster, Fault> {
    let settings = settings.clone();
    Ok(tokio::task::spawn_blocking(move || Cluster::start(&settings)).await??)
}

async fn create_database(pool: &PgPool, name: &str) -> Result<bool, Fault> {
    let found: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(pool)
        .await?;
    if !found {
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(pool).await?;
    }
    Ok(!found)
}

fn url(options: &PgConnectOptions, database: &str) -> Result<String, Fault> {
    let socket = options.get_socket().ok_or("the cluster has no socket")?;
    Ok(format!("postgres://postgres@localhost/{database}?host={}&sslmode=disable", socket.display()))
}

/// A forest of a size, with the questions about it and the servers that hold it.
pub struct Site {
    pub label: String,
    pub truth: Truth,
    pub questions: Questions,
    pub ours: Arc<Ours>,
    /// Our database.
    pub pool: PgPool,
    openfga: Option<OpenFga>,
    spicedb: Option<String>,
}

struct OpenFga {
    database: String,
    ids: (String, String),
}

impl Site {
    pub async fn begin(place: &Place, plan: &Plan, size: u32) -> Result<Self, Fault> {
        let label = label(size);
        let growing = Instant::now();
        let truth = Truth::new(Forest::grow(size));
        let questions = Questions::new(&truth);
        let forest = &truth.forest;
        let growing = growing.elapsed().as_secs_f64();
        println!(
            "{label}: in {growing:.0} s {} organizations, {} resources, {} members, {} groups with {} members, {} grants",
            forest.organizations,
            forest.parent.len(),
            forest.members.len(),
            forest.groups.len(),
            forest.belongs.len(),
            forest.grants.len(),
        );
        let folder = place.folder.join(&label);
        std::fs::create_dir_all(&folder)?;
        let name = format!("vestibule_{label}");
        let begun = Instant::now();
        let (database, note) = place.database(&name).await?;
        let server = Server::begin(&plan.server, &folder, &database).await?;
        if note.is_none() {
            load::load(&server, &database, &truth).await?;
            place.note(&name, &json!({}), begun).await?;
        }
        let ours = Arc::new(Ours { server, organization: truth.forest.organizations - 1 });
        let pool = place.pool(&name).await?;
        let mut site = Self { label, truth, questions, ours, pool, openfga: None, spicedb: None };
        site.load_peers(place, plan).await?;
        Ok(site)
    }

    async fn load_peers(&mut self, place: &Place, plan: &Plan) -> Result<(), Fault> {
        if let Some(program) = &plan.openfga {
            let name = format!("openfga_{}", self.label);
            let begun = Instant::now();
            let (database, note) = place.database(&name).await?;
            let ids = match note {
                Some(ids) => serde_json::from_value(ids)?,
                None => {
                    let ids = openfga::load(program, &database, &self.truth).await?;
                    place.note(&name, &json!(ids), begun).await?;
                    ids
                }
            };
            self.openfga = Some(OpenFga { database, ids });
        }
        if let Some(program) = &plan.spicedb {
            let name = format!("spicedb_{}", self.label);
            let begun = Instant::now();
            let (database, note) = place.database(&name).await?;
            if note.is_none() {
                spicedb::load(program, &database, &self.truth).await?;
                place.note(&name, &json!({}), begun).await?;
            }
            self.spicedb = Some(database);
        }
        Ok(())
    }

    /// Starts OpenFGA on this forest.
    pub async fn openfga(&self, program: &Path, mode: openfga::Mode) -> Result<openfga::OpenFga, Fault> {
        let found = self.openfga.as_ref().ok_or("OpenFGA was not loaded")?;
        openfga::begin(program, &found.database, mode, found.ids.clone()).await
    }

    /// Starts SpiceDB on this forest.
    pub async fn spicedb(&self, program: &Path, mode: spicedb::Mode) -> Result<spicedb::SpiceDb, Fault> {
        spicedb::begin(program, self.spicedb.as_ref().ok_or("SpiceDB was not loaded")?, mode).await
    }
}

fn label(size: u32) -> String {
    match size {
        millions if size.is_multiple_of(1_000_000) => format!("{}m", millions / 1_000_000),
        thousands if size.is_multiple_of(1_000) => format!("{}k", thousands / 1_000),
        other => other.to_string(),
    }
}
