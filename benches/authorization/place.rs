//! Where it is compared: one durable PostgreSQL for all, with settings for a machine that has memory, and a database
//! for each server and each size.

use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// The address of a database, which is made if it is not there.
    async fn database(&self, name: &str) -> Result<String, Fault> {
        let pool = self.pool("floor").await?;
        create_database(&pool, name).await?;
        pool.close().await;
        url(&self.options, name)
    }

    /// What was noted about something that is loaded.
    fn note(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.folder.join(name)).ok()?).ok()
    }

    fn make_note(&self, name: &str, note: &Value) -> Result<(), Fault> {
        Ok(std::fs::write(self.folder.join(name), note.to_string())?)
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
        let truth = Truth::new(Forest::grow(size));
        let questions = Questions::new(&truth);
        let forest = &truth.forest;
        println!(
            "{label}: {} organizations, {} resources, {} members, {} groups with {} members, {} grants",
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
        let database = place.database(&name).await?;
        let server = Server::begin(&plan.server, &folder, &database).await?;
        let note = format!("{name}.json");
        if place.note(&note).is_none() {
            let begun = std::time::Instant::now();
            load::load(&server, &database, &truth).await?;
            println!("{label}: loaded in {:.0} s", begun.elapsed().as_secs_f64());
            place.make_note(&note, &json!({}))?;
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
            let database = place.database(&name).await?;
            let note = format!("{name}.json");
            let ids = match place.note(&note) {
                Some(ids) => serde_json::from_value(ids)?,
                None => openfga::load(program, &database, &self.truth).await?,
            };
            place.make_note(&note, &json!(ids))?;
            self.openfga = Some(OpenFga { database, ids });
        }
        if let Some(program) = &plan.spicedb {
            let name = format!("spicedb_{}", self.label);
            let database = place.database(&name).await?;
            let note = format!("{name}.json");
            if place.note(&note).is_none() {
                spicedb::migrate(program, &database)?;
                let side = spicedb::begin(program, &database, spicedb::Consistency::Fully).await?;
                spicedb::load(&side, &self.truth).await?;
                place.make_note(&note, &json!({}))?;
            }
            self.spicedb = Some(database);
        }
        Ok(())
    }

    /// Starts OpenFGA on this forest.
    pub async fn openfga(&self, program: &Path, caches: openfga::Caches) -> Result<openfga::OpenFga, Fault> {
        let found = self.openfga.as_ref().ok_or("OpenFGA was not loaded")?;
        openfga::begin(program, &found.database, caches, found.ids.clone()).await
    }

    /// Starts SpiceDB on this forest.
    pub async fn spicedb(&self, program: &Path, consistency: spicedb::Consistency) -> Result<spicedb::SpiceDb, Fault> {
        spicedb::begin(program, self.spicedb.as_ref().ok_or("SpiceDB was not loaded")?, consistency).await
    }
}

fn label(size: u32) -> String {
    match size {
        millions if size.is_multiple_of(1_000_000) => format!("{}m", millions / 1_000_000),
        thousands if size.is_multiple_of(1_000) => format!("{}k", thousands / 1_000),
        other => other.to_string(),
    }
}
