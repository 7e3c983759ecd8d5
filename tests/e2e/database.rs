//! A PostgreSQL that is not the server's own, and a wire to it that can be cut, silenced, slowed and led elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vestibule::db::embedded::{Cluster, Settings};

use crate::harness::{Place, until};

/// The master key of servers that share a database.
pub const KEY: &str = "0f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978";

/// A cluster in a folder of the place.
pub struct Postgres {
    cluster: Mutex<Option<Cluster>>,
    pub folder: PathBuf,
}

impl Postgres {
    pub async fn start(place: &Place, name: &str) -> Self {
        Self::start_with(place, name, "").await
    }

    /// A cluster with settings of its own.
    pub async fn start_with(place: &Place, name: &str, settings: &str) -> Self {
        let folder = place.path.join(name);
        let etc = folder.join("postgres/etc");
        std::fs::create_dir_all(&etc).unwrap();
        if !settings.is_empty() {
            std::fs::write(etc.join("local.conf"), settings).unwrap();
        }
        let postgres = Self { cluster: Mutex::default(), folder };
        postgres.restart().await;
        postgres
    }

    /// Starts it, or starts it again.
    pub async fn restart(&self) {
        self.stop().await;
        let keeper = PathBuf::from(env!("CARGO_BIN_EXE_vestibule"));
        let settings = Settings { data_dir: self.folder.clone(), keeper, durable: false };
        let started = tokio::task::spawn_blocking(move || Cluster::start(&settings)).await.unwrap();
        *self.cluster.lock().unwrap() = Some(started.unwrap());
    }

    pub async fn stop(&self) {
        let cluster = self.cluster.lock().unwrap().take();
        if let Some(cluster) = cluster {
            tokio::task::spawn_blocking(|| cluster.stop()).await.unwrap().unwrap();
        }
    }

    fn options(&self) -> PgConnectOptions {
        self.cluster.lock().unwrap().as_ref().unwrap().options()
    }

    pub fn socket(&self) -> PathBuf {
        self.options().get_socket().unwrap().clone()
    }

    /// The address for a server that needs no wire.
    pub fn url(&self) -> String {
        let socket = self.socket().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@localhost/vestibule?host={socket}")
    }

    pub async fn try_connect(&self) -> sqlx::Result<PgConnection> {
        self.options().connect().await
    }

    /// A connection of the test's own.
    pub async fn connect(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }

    /// Runs statements one after another, in no transaction.
    pub async fn run(&self, statements: &[&str]) {
        let mut connection = self.connect().await;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(*statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    /// From now on, or no longer, it only reads, as a primary that was demoted. Who is connected stays so.
    pub async fn read_only(&self, on: bool) {
        let set = format!("alter system set default_transaction_read_only = {}", if on { "on" } else { "off" });
        self.run(&["set default_transaction_read_only = off", &set, "select pg_reload_conf()"]).await;
        let wanted = if on { "on" } else { "off" };
        until("the setting has arrived", async || {
            let mut connection = self.connect().await;
            let shown: String =
                sqlx::query_scalar("show transaction_read_only").fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            (shown == wanted).then_some(())
        })
        .await;
    }
}

/// What a wire does with what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Nothing arrives any more, and nobody is told: a host that was cut off.
    Silent,
    /// What the database says takes this long.
    Slow(Duration),
}

/// A TCP address that leads to a cluster's socket.
pub struct Wire {
    pub address: SocketAddr,
    target: Arc<Mutex<PathBuf>>,
    mode: watch::Sender<Mode>,
    /// Everybody is cut off when this changes.
    cut: watch::Sender<u32>,
    accepting: Mutex<JoinHandle<()>>,
}

impl Wire {
    pub async fn to(postgres: &Postgres) -> Self {
        Self::at("127.0.0.1:0", postgres).await
    }

    pub async fn at(address: &str, postgres: &Postgres) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(postgres.socket()));
        let (mode, cut) = (watch::Sender::new(Mode::Pass), watch::Sender::new(0));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&target), mode.clone(), cut.clone()));
        let accepting = Mutex::new(accepting);
        Self { address, target, mode, cut, accepting }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/vestibule?sslmode=disable", self.address)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// New connections lead there; those that are open go on to where they led.
    pub fn lead_to(&self, postgres: &Postgres) {
        *self.target.lock().unwrap() = postgres.socket();
    }

    /// Nobody listens there any more, and who was connected is cut off.
    pub async fn down(&self) {
        self.accepting.lock().unwrap().abort();
        until("nobody listens", async || TcpStream::connect(self.address).await.is_err().then_some(())).await;
        self.cut.send_modify(|times| *times += 1);
    }

    /// Somebody listens there again.
    pub async fn up(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let target = Arc::clone(&self.target);
        *self.accepting.lock().unwrap() = tokio::spawn(accept(listener, target, self.mode.clone(), self.cut.clone()));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.lock().unwrap().abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: Arc<Mutex<PathBuf>>,
    mode: watch::Sender<Mode>,
    cut: watch::Sender<u32>,
) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let socket = socket_file(&target.lock().unwrap());
        let (mode, mut cut) = (mode.subscribe(), cut.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                () = carry(client, &socket, mode) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

fn socket_file(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

async fn carry(client: TcpStream, socket: &Path, mode: watch::Receiver<Mode>) {
    let Ok(server) = UnixStream::connect(socket).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, mode.clone(), false) => {}
        () = pump(from_server, to_client, mode, true) => {}
    }
}

/// Carries bytes one way until either end closes; `slowly` where that is what the mode says.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
    slowly: bool,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let Ok(now) = mode.wait_for(|mode| *mode != Mode::Silent).await.map(|mode| *mode) else { return };
        if let Mode::Slow(time) = now
            && slowly
        {
            tokio::time::sleep(time).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
