//! Where it is measured: one durable PostgreSQL for all sides, the server and the floor as processes beside it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sqlx::postgres::{PgPool, PgPoolOptions};
use vestibule::db::embedded::{Cluster, Settings};

use super::client::{Connection, request};
use super::{CONNECTIONS, Fault, floor, folder};

pub const KEY: &str = "sk_load_program_of_the_benches";
pub const CLIENT: &str = "client_load_program";
const TOKEN: &str = "operator-token-of-the-benches";
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster, a server and a floor, all of them gone when it is dropped.
pub struct Place {
    // In the order in which they end.
    server: Running,
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
        let own = std::env::current_exe()?.with_file_name("tmp");
        std::fs::create_dir_all(&own)?;
        let folder = folder::reachable(&own).join("load");
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
        sqlx::raw_sql(FLOOR).execute(&pool).await?;

        let url = |database| format!("postgres://postgres@localhost/{database}?host={}", socket.display());
        let (floor, floor_address) = begin_floor(&url("floor"))?;
        let (server, address) = begin_server(server, &folder, &url("vestibule")).await?;
        Ok(Self { server, floor, address, floor_address, pool, folder, socket, cluster: Some(cluster) })
    }

    /// Sends one request, which must be answered with this status.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Result<Value, Fault> {
        let key = if path.starts_with("/admin/") { TOKEN } else { KEY };
        let mut connection = Connection::open(self.address).await?;
        let request = request(method, path, key, body.as_ref());
        let answer = connection.send(&request).await?;
        if answer.status == status {
            return Ok(answer.json());
        }
        Err(format!("{method} {path} answered {}: {}", answer.status, answer.json()).into())
    }

    /// What the kernel says of the server's memory, in MiB: now, and at most so far.
    pub fn memory(&self) -> Result<(f64, f64), Fault> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.0.id()))?;
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
        Ok((self.server.0.id(), self.floor.0.id(), postmaster))
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
        self.server.end();
        self.floor.end();
        self.pool.close().await;
        if let Some(cluster) = self.cluster.take() {
            tokio::task::spawn_blocking(move || cluster.stop()).await??;
        }
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

/// Rows of the size of an organization, under ids like an organization's.
const FLOOR: &str = r#"
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
    create table floor_written (like floor_rows including all);
    insert into floor_rows (id, name) select 'org_' || lpad(n::text, 26, '0'), 'Acme ' || n from generate_series(0, 9999) n;
    analyze floor_rows;
"#;

/// A process that does not outlive this one's interest in it.
struct Running(Child);

impl Running {
    fn end(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        }
        drop(self.0.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn begin_floor(database: &str) -> Result<(Running, SocketAddr), Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([floor::ARGUMENT, database]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let out = child.stdout.take();
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(out.ok_or("the floor has no output")?).read_line(&mut line)?;
    Ok((running, line.trim().parse()?))
}

/// The server as it is delivered, its log in a file, as a service's is.
async fn begin_server(program: &Path, folder: &Path, database: &str) -> Result<(Running, SocketAddr), Fault> {
    let log = folder.join("server.log");
    let mut command = Command::new(program);
    command
        .arg("serve")
        .env_clear()
        .env("DATABASE_URL", database)
        .env("VESTIBULE_DATABASE_CONNECTIONS", CONNECTIONS.to_string())
        .env("VESTIBULE_DATA_DIR", folder.join("server"))
        .env("VESTIBULE_LISTEN", "127.0.0.1:0")
        .env("VESTIBULE_API_KEY", KEY)
        .env("VESTIBULE_CLIENT_ID", CLIENT)
        .env("VESTIBULE_ADMIN_TOKEN", TOKEN)
        .env("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?);
    let running = Running(command.spawn()?);
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let text = std::fs::read_to_string(&log)?;
        if let Some((_, ready)) = text.split_once("Vestibule is ready address=") {
            let address = ready.split_whitespace().next().ok_or("the server does not say where it listens")?;
            return Ok((running, address.parse()?));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::io::stderr().write_all(&std::fs::read(&log)?)?;
    Err("the server does not start".into())
}
