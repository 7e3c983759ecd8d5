//! The private PostgreSQL cluster: that it comes up by itself, keeps what was committed whoever is killed, and
//! refuses what would harm it with a message that helps.
//!
//! The tests run as any user; those about another user's cluster need root and say so when they are passed over.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use vestibule::db::embedded::{Cluster, Settings, StartError};

const DATA_DIR: &str = "CLUSTER_TEST_DATA_DIR";
const KEEPER: &str = "CLUSTER_TEST_KEEPER";

#[test]
fn a_fresh_cluster_is_durable_and_private() {
    let place = Place::new();
    let cluster = place.start();

    let shown = |setting: &str| ask(&cluster.options(), &format!("show {setting}"));
    assert_eq!(shown("data_checksums"), "on");
    assert_eq!(shown("fsync"), "on");
    assert_eq!(shown("full_page_writes"), "on");
    assert_eq!(shown("synchronous_commit"), "on");
    assert_eq!(shown("listen_addresses"), "");
    assert_eq!(shown("server_encoding"), "UTF8");
    assert_eq!(ask(&cluster.options(), "select current_database()"), "vestibule");
    assert_eq!(
        ask(&cluster.options(), "select datcollate from pg_database where datname = 'vestibule'"),
        "C",
        "the order of strings must not depend on the C library"
    );
    for directory in ["pgdata", "run", "log"] {
        let found = fs::metadata(place.postgres().join(directory)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o700, "{directory}");
        assert_ne!(found.uid(), 0, "{directory}: PostgreSQL must not run as root");
    }
}

#[test]
fn a_cluster_for_test_runs_trades_safety_for_speed() {
    let place = Place::new();
    let cluster = Cluster::start(&Settings { durable: false, ..place.settings() }).unwrap();
    assert_eq!(ask(&cluster.options(), "show fsync"), "off");
    cluster.stop().unwrap();

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "show fsync"), "on", "durability is chosen at each start");
}

#[test]
fn rows_outlive_a_restart() {
    let place = Place::new();
    let cluster = place.start();
    remember(&cluster.options(), "kept");
    cluster.stop().unwrap();

    let cluster = place.start();
    assert_eq!(recall(&cluster.options()), "kept");
}

#[test]
fn an_operators_settings_are_read_after_the_defaults() {
    let place = Place::new();
    place.start().stop().unwrap();
    let local = place.postgres().join("etc/local.conf");
    fs::write(&local, "max_connections = 33\nlisten_addresses = '*'\n").unwrap();

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "show max_connections"), "33");
    assert_eq!(ask(&cluster.options(), "show listen_addresses"), "", "the socket is not up for choice");
}

#[test]
fn dropping_a_cluster_stops_postgresql() {
    let place = Place::new();
    let cluster = place.start();
    let postmaster = place.postmaster();
    drop(cluster);
    assert!(!is_alive(postmaster));
    assert!(!place.pid_file().exists(), "an orderly shutdown removes its pid file");
}

#[test]
fn postgresql_outlives_the_thread_that_started_it() {
    let place = Place::new();
    let settings = place.settings();
    // The pool's thread ends with its runtime, and the kernel's signal at a parent's death follows the thread.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let cluster = runtime.block_on(runtime.spawn_blocking(move || Cluster::start(&settings))).unwrap().unwrap();
    let postmaster = place.postmaster();
    drop(runtime);
    remember(&cluster.options(), "kept");
    assert_eq!(recall(&cluster.options()), "kept");
    assert_eq!(place.postmaster(), postmaster, "it was not started again either");
}

#[test]
fn a_killed_postgresql_is_started_again_without_loss() {
    let place = Place::new();
    let cluster = place.start();
    remember(&cluster.options(), "kept");
    for _ in 0..2 {
        let postmaster = place.postmaster();
        kill(postmaster, Signal::SIGKILL).unwrap();
        wait_until("another postmaster answers", || {
            place.find_postmaster().is_some_and(|pid| pid != postmaster) && answers(&cluster.options())
        });
        assert_eq!(recall(&cluster.options()), "kept");
    }
    let last = place.postmaster();
    cluster.stop().unwrap();
    assert!(!is_alive(last), "what was started again is stopped too");
}

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

#[test]
#[cfg(target_os = "linux")]
fn postgresql_stops_in_order_when_its_server_is_killed() {
    let place = Place::new();
    let mut server = Server::spawn(&place);
    remember(&place.options(), "kept");
    let postmaster = place.postmaster();
    server.kill();
    wait_until("PostgreSQL has followed its server", || !is_alive(postmaster));
    assert!(!place.pid_file().exists(), "an orderly shutdown removes its pid file");

    let cluster = place.start();
    assert_eq!(recall(&cluster.options()), "kept");
}

#[test]
#[cfg(target_os = "linux")]
fn a_start_right_after_the_server_was_killed_waits_for_its_postgresql() {
    let place = Place::new();
    for turn in 0..3 {
        let mut server = Server::spawn(&place);
        remember(&place.options(), &turn.to_string());
        server.kill();
        let cluster = place.start();
        assert_eq!(recall(&cluster.options()), turn.to_string());
        cluster.stop().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn rows_outlive_server_and_postgresql_killed_together() {
    let place = Place::new();
    for turn in 0..3 {
        let mut server = Server::spawn(&place);
        remember(&place.options(), &turn.to_string());
        // A connection whose backend is busy, and so does not notice that its postmaster is gone.
        let busy = place.options();
        let busy = std::thread::spawn(move || try_ask(&busy, "select pg_sleep(600)::text").is_err());
        wait_until("a backend is busy", || {
            ask(&place.options(), "select count(*)::text from pg_stat_activity where query like 'select pg_sleep%'")
                == "1"
        });
        kill(place.postmaster(), Signal::SIGKILL).unwrap();
        server.kill();
        let cluster = place.start();
        assert_eq!(recall(&cluster.options()), turn.to_string());
        assert!(busy.join().unwrap(), "an orphaned backend is ended, not adopted");
        cluster.stop().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn stale_files_that_name_a_living_process_do_not_prevent_a_start() {
    let place = Place::new();
    let mut server = Server::spawn(&place);
    remember(&place.options(), "kept");
    let (postmaster, pid_file) = (place.postmaster(), fs::read_to_string(place.pid_file()).unwrap());
    let socket_lock = place.postgres().join("run/.s.PGSQL.5432.lock");
    let socket_file = fs::read_to_string(&socket_lock).unwrap();
    server.kill();
    wait_until("PostgreSQL has followed its server", || !is_alive(postmaster));

    // As after a crash whose process id has been given to another process of the same user.
    let owner = fs::metadata(place.postgres().join("pgdata")).unwrap();
    let mut other = Command::new("sleep");
    if geteuid().is_root() {
        other.uid(owner.uid()).gid(owner.gid());
    }
    let mut other = other.arg("600").spawn().unwrap();
    let renamed = |text: String| text.replacen(&postmaster.to_string(), &other.id().to_string(), 1);
    fs::write(place.pid_file(), renamed(pid_file)).unwrap();
    fs::write(&socket_lock, renamed(socket_file)).unwrap();
    let cluster = Cluster::start(&place.settings());
    assert!(other.try_wait().unwrap().is_none(), "a process elsewhere is not PostgreSQL's and is left alone");
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(recall(&cluster.unwrap().options()), "kept");
}

#[test]
#[cfg(target_os = "linux")]
fn a_cluster_whose_making_was_interrupted_is_made_again() {
    let place = Place::new();
    let mut server = Server::spawn_without_waiting(&place);
    let draft = place.postgres().join(format!("pgdata.new.{}", server.child.id()));
    wait_until("initdb has begun", || draft.join("PG_VERSION").exists());
    server.kill();
    assert!(!place.postgres().join("pgdata").exists(), "what is half-made must not have the name of a cluster");

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "select 'well'"), "well");
    assert!(!draft.exists());
}

#[test]
fn a_draft_of_an_earlier_crash_is_thrown_away() {
    let place = Place::new();
    let draft = place.postgres().join("pgdata.new.1");
    fs::create_dir_all(draft.join("base")).unwrap();
    fs::write(draft.join("PG_VERSION"), "15\n").unwrap();

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "select 'well'"), "well");
    assert!(!draft.exists());
}

#[test]
fn what_is_not_a_cluster_is_left_alone() {
    let place = Place::new();
    let file = place.postgres().join("pgdata/precious");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "do not wipe").unwrap();

    let error = place.refusal();
    assert!(matches!(error, StartError::NotACluster { .. }), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "do not wipe");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let place = Place::new();
    let cluster = place.start();
    let error = place.refusal();
    assert!(matches!(error, StartError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    assert_eq!(ask(&cluster.options(), "select 'unharmed'"), "unharmed");

    cluster.stop().unwrap();
    place.start();
}

#[test]
fn a_cluster_of_another_major_version_is_refused() {
    let place = Place::new();
    place.start().stop().unwrap();
    fs::write(place.postgres().join("pgdata/PG_VERSION"), "9\n").unwrap();
    let error = place.refusal();
    assert!(matches!(error, StartError::Version { .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade"), "{error}");
}

#[test]
fn what_postgresql_says_about_a_failed_start_is_passed_on() {
    let place = Place::new();
    place.start().stop().unwrap();
    fs::write(place.postgres().join("etc/local.conf"), "max_connections = many\n").unwrap();
    let error = place.refusal();
    assert!(matches!(error, StartError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("configuration file"), "{error}");
}

#[test]
fn a_socket_whose_path_is_too_long_moves() {
    let place = Place::new();
    let long = place.path.join("a-directory-with-a-long-name/".repeat(5));
    let settings = Settings { data_dir: long, ..place.settings() };
    let mut places = Vec::new();
    for _ in 0..2 {
        let cluster = Cluster::start(&settings).unwrap();
        let directory = PathBuf::from(ask(&cluster.options(), "show unix_socket_directories"));
        let found = fs::metadata(&directory).unwrap();
        assert!(directory.as_os_str().len() < 60, "{}", directory.display());
        assert_eq!(found.permissions().mode() & 0o777, 0o700);
        cluster.stop().unwrap();
        assert!(!directory.exists(), "nothing stays behind outside the data directory");
        places.push(directory);
    }
    assert_eq!(places[0], places[1], "after a crash the same socket is found");
}

#[test]
#[cfg(target_os = "linux")]
fn the_servers_secrets_do_not_reach_postgresql() {
    let place = Place::new();
    let _server = Server::spawn(&place);
    let environment = fs::read(format!("/proc/{}/environ", place.postmaster())).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("PATH="), "{environment}");
    assert!(!environment.contains(DATA_DIR), "{environment}");
}

#[test]
fn a_directory_that_the_clusters_user_cannot_reach_is_named() {
    let place = Place::new();
    if needs_root() {
        return;
    }
    let closed = place.path.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let settings = Settings { data_dir: closed.join("data"), ..place.settings() };
    let error = Cluster::start(&settings).err().unwrap();
    assert!(matches!(&error, StartError::Unreachable { directory, .. } if *directory == closed), "{error}");

    fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
    let cluster = Cluster::start(&settings).unwrap();
    cluster.stop().unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let error = Cluster::start(&settings).err().unwrap();
    assert!(matches!(&error, StartError::Unreachable { directory, .. } if *directory == closed), "{error}");
}

#[test]
fn an_ordinary_user_runs_a_cluster_that_root_can_take_over() {
    let place = Place::new();
    if needs_root() {
        return;
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let mut server = Server::spawn_as(&place, &nobody);
    let owner = |path: &str| fs::metadata(place.postgres().join(path)).unwrap().uid();
    assert_eq!(owner("pgdata"), nobody.uid.as_raw());
    assert_eq!(owner("lock"), nobody.uid.as_raw());
    let stranger = try_ask(&place.options(), "select 'in'").err().unwrap();
    assert!(stranger.to_string().contains("eer authentication failed"), "root is not on the list: {stranger}");
    server.stop();

    let cluster = place.start();
    remember(&cluster.options(), "kept");
    cluster.stop().unwrap();
    assert_eq!(owner("pgdata"), nobody.uid.as_raw(), "the owner of a cluster stays");

    let mut server = Server::spawn_as(&place, &nobody);
    server.stop();
    let cluster = place.start();
    assert_eq!(recall(&cluster.options()), "kept");
}

#[test]
fn a_cluster_of_somebody_else_is_refused() {
    let place = Place::new();
    if needs_root() {
        return;
    }
    place.start().stop().unwrap();
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let data = place.settings().data_dir;
    for directory in [data.clone(), data.join("postgres"), data.join("postgres/etc"), data.join("postgres/lock")] {
        std::os::unix::fs::chown(directory, Some(nobody.uid.as_raw()), None).unwrap();
    }
    let output = Server::command(&place, Some(&nobody)).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("Owner"), "{said}");
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
    kill(pid, None).is_ok()
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
