//! The private PostgreSQL cluster: that it comes up by itself, keeps what was committed whoever is killed, and
//! refuses what would harm it with a message that helps.
//!
//! The tests run as any user; those about another user's cluster need root and say so when they are passed over.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod crashes;
mod life;
mod refusals;
mod users;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::unistd::{Pid, User, geteuid};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use vestibule::db::embedded::{Cluster, Settings, StartError};

const DATA_DIR: &str = "CLUSTER_TEST_DATA_DIR";
const KEEPER: &str = "CLUSTER_TEST_KEEPER";

/// Not a test of its own: the server process that the tests below kill.
#[test]
#[ignore = "a process for the other tests"]
fn server_process() {
    let (Some(data_dir), Some(keeper)) = (std::env::var_os(DATA_DIR), std::env::var_os(KEEPER)) else { return };
    let settings = Settings { data_dir: data_dir.into(), keeper: keeper.into(), durable: true };
    let _cluster = Cluster::start(&settings).unwrap();
    println!("ready");
    // Until the test goes away.
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Whether a test is to be passed over because only root may become somebody else.
#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
fn needs_root() -> bool {
    let passed_over = !geteuid().is_root();
    if passed_over {
        eprintln!("passed over: it needs root");
    }
    passed_over
}

/// A directory that every user can reach, gone with the test.
struct Place {
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("vestibule-cluster-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { path: fs::canonicalize(path).unwrap() }
    }

    fn settings(&self) -> Settings {
        let keeper = env!("CARGO_BIN_EXE_vestibule").into();
        Settings { data_dir: self.path.join("data"), keeper, durable: true }
    }

    fn start(&self) -> Cluster {
        Cluster::start(&self.settings()).unwrap()
    }

    fn refusal(&self) -> StartError {
        Cluster::start(&self.settings()).err().unwrap()
    }

    fn postgres(&self) -> PathBuf {
        self.path.join("data/postgres")
    }

    fn pid_file(&self) -> PathBuf {
        self.postgres().join("pgdata/postmaster.pid")
    }

    fn find_postmaster(&self) -> Option<Pid> {
        fs::read_to_string(self.pid_file()).ok()?.lines().next()?.parse().ok().map(Pid::from_raw)
    }

    fn postmaster(&self) -> Pid {
        self.find_postmaster().unwrap()
    }

    /// How to connect to the cluster of another process.
    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.postgres().join("run"))
            .port(5432)
            .username("postgres")
            .database("vestibule")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A server process: this very binary, running [`server_process`].
struct Server {
    child: Child,
    /// Kept open: a test binary fails when it cannot write its report.
    output: BufReader<ChildStdout>,
}

impl Server {
    fn spawn(place: &Place) -> Self {
        Self::spawn_without_waiting(place).ready()
    }

    fn spawn_as(place: &Place, user: &User) -> Self {
        fs::create_dir_all(place.settings().data_dir).unwrap();
        std::os::unix::fs::chown(place.settings().data_dir, Some(user.uid.as_raw()), None).unwrap();
        Self::of(Self::command(place, Some(user))).ready()
    }

    fn spawn_without_waiting(place: &Place) -> Self {
        Self::of(Self::command(place, None))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn command(place: &Place, user: Option<&User>) -> Command {
        // Copies, since another user may not reach the build directory.
        let copy = |from: &Path, name: &str| {
            let to = place.path.join(name);
            if !to.exists() && fs::hard_link(from, &to).is_err() {
                fs::copy(from, &to).unwrap();
            }
            to
        };
        let keeper = copy(&place.settings().keeper, "keeper");
        let mut command = Command::new(copy(&std::env::current_exe().unwrap(), "server"));
        command
            .args(["--exact", "cluster::server_process", "--ignored", "--nocapture"])
            .env(DATA_DIR, place.settings().data_dir)
            .env(KEEPER, keeper)
            .current_dir(&place.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    fn ready(mut self) -> Self {
        let mut lines = self.output.by_ref().lines();
        assert!(lines.any(|line| line.unwrap().contains("ready")), "the server process did not come up");
        self
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A zombie does not count: it only waits for its parent.
#[cfg(target_os = "linux")]
fn is_alive(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
}

#[cfg(not(target_os = "linux"))]
fn is_alive(pid: Pid) -> bool {
    nix::sys::signal::kill(pid, None).is_ok()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn try_ask(options: &PgConnectOptions, sql: &str) -> Result<String, sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await?;
        let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(answer)
    })
}

fn ask(options: &PgConnectOptions, sql: &str) -> String {
    try_ask(options, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn answers(options: &PgConnectOptions) -> bool {
    try_ask(options, "select 'yes'").is_ok()
}

fn remember(options: &PgConnectOptions, word: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        sqlx::query("create table if not exists memory (word text)").execute(&mut connection).await.unwrap();
        sqlx::query("insert into memory values ($1)").bind(word).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// The word that was remembered last.
fn recall(options: &PgConnectOptions) -> String {
    ask(options, "select word from memory order by ctid desc limit 1")
}
