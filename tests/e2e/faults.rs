//! A database that goes away, in each of the ways in which databases do: what is asked meanwhile is answered with 503, at
//! once, and when the database is back so is everything else, by itself.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::unistd::geteuid;
use reqwest::Method;
use serde_json::json;
use sqlx::Connection as _;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::database::{KEY, Mode, Postgres, Wire};
use crate::harness::{Place, Process, Server, until};

/// Longer than it takes to notice any loss, shorter than anybody's patience.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn server(place: &Place, url: &str) -> Server {
    let server = place.server_with(&[("DATABASE_URL", url), ("VESTIBULE_SECRET_KEY", KEY)]).await;
    let key = server.made().unwrap().api_key;
    server.with_key(&key)
}

/// Applications that read and write without a pause, and hold every answer against what may be answered.
struct Load {
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
    clients: JoinSet<()>,
}

impl Load {
    fn begin(server: &Server) -> Self {
        let (stop, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let mut clients = JoinSet::new();
        for client in 0..6 {
            let (server, stop, refused) = (server.again(), Arc::clone(&stop), Arc::clone(&refused));
            clients.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = if client % 2 == 0 {
                        server.try_send(Method::GET, "/organizations?limit=1", None).await.unwrap()
                    } else {
                        server.post("/organizations", json!({ "name": "Acme" })).await
                    };
                    match answer.status.as_u16() {
                        200 | 201 => {}
                        503 => {
                            let seconds = answer.retry_after.as_deref().and_then(|text| text.parse::<u32>().ok());
                            assert!(seconds.is_some_and(|seconds| seconds > 0), "{:?}", answer.retry_after);
                            assert_eq!(answer.body["code"], "service_unavailable");
                            refused.fetch_add(1, Ordering::Relaxed);
                            // As the SDKs do: not at once.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        status => panic!("{status}: {}", answer.body),
                    }
                }
            });
        }
        Self { stop, refused, clients }
    }

    async fn end(mut self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.refused.load(Ordering::Relaxed)
    }
}

async fn ready(server: &Server, status: u16) {
    until("/readyz says so", async || (server.get("/readyz").await.status == status).then_some(())).await;
}

/// Loses the database under load and has it back: no answer but the right ones, and none that is waited for.
async fn lose(server: &Server, fault: impl AsyncFnOnce(), repair: impl AsyncFnOnce()) {
    let log = &server.process().log;
    let losses = || log.text().matches("the database is lost: requests").count();
    let (load, before) = (Load::begin(server), losses());
    fault().await;
    until("the loss is noticed", async || (losses() > before).then_some(())).await;
    ready(server, 503).await;
    let answer = timeout(AT_ONCE, server.get("/organizations")).await.expect("nobody waits for a lost database");
    assert_eq!(answer.status, 503);
    assert_eq!(server.get("/livez").await.status, 200, "the process is well");
    repair().await;
    ready(server, 200).await;
    assert!(load.end().await > 0);
    // Connections of before were not trusted, so none of them fails anybody.
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let server = server.again();
        all.spawn(async move { server.post("/organizations", json!({ "name": "After" })).await.status });
    }
    assert!(all.join_all().await.iter().all(|status| *status == 201));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_is_503_until_it_is_back() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let wire = Wire::to(&postgres).await;
    let server = server(&place, &wire.url()).await;
    // The way to it, and then itself.
    lose(&server, async || wire.down().await, async || wire.up().await).await;
    lose(&server, async || postgres.stop().await, async || postgres.restart().await).await;
    assert_eq!(server.stop().await.code(), Some(0));
}

/// A host that is cut off: nothing is refused, and nothing answered.
async fn silent() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let wire = Wire::to(&postgres).await;
    let server = server(&place, &wire.url()).await;
    lose(&server, async || wire.set(Mode::Silent), async || wire.set(Mode::Pass)).await;
    // A server that is told to stop meanwhile does not wait either.
    wire.set(Mode::Silent);
    ready(&server, 503).await;
    assert_eq!(server.stop().await.code(), Some(0));
}

/// A database that takes seconds for each answer is as good as none.
async fn slow() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let wire = Wire::to(&postgres).await;
    let server = server(&place, &wire.url()).await;
    lose(&server, async || wire.set(Mode::Slow(Duration::from_secs(5))), async || wire.set(Mode::Pass)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_was_demoted_is_left_for_the_one_that_took_over() {
    let place = Place::new();
    let first = Postgres::start(&place, "first").await;
    let wire = Wire::to(&first).await;
    let server = server(&place, &wire.url()).await;
    let organization = server.post("/organizations", json!({ "name": "Before" })).await.expect(201);
    let path = format!("/organizations/{}", organization["id"].as_str().unwrap());

    // A copy of it takes over.
    first.stop().await;
    let copied = Command::new("cp").arg("-a").args([&first.folder, &place.path.join("second")]).status().unwrap();
    assert!(copied.success());
    let second = Postgres::start(&place, "second").await;
    first.restart().await;
    ready(&server, 200).await;

    // Demoted, it goes on answering on the connections that are open: they must be given up.
    lose(&server, async || first.read_only(true).await, async || wire.lead_to(&second)).await;
    assert_eq!(server.get(&path).await.expect(200), organization);
    let moved = server.post("/organizations", json!({ "name": "Moved" })).await.expect(201);
    let mut connection = second.connect().await;
    let found = sqlx::query_scalar::<_, i64>("select count(*) from organizations where id = $1");
    assert_eq!(found.bind(moved["id"].as_str().unwrap()).fetch_one(&mut connection).await.unwrap(), 1);
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_behind_its_name_is_found_again() {
    // A list of hosts of this process's own, which the test writes anew.
    const HOSTS: &str = "mount --bind hosts /etc/hosts || exit 77; exec \"$0\" \"$@\"";
    let place = Place::new();
    let hosts = place.path.join("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n127.0.0.1 database.vestibule.test\n").unwrap();
    let postgres = Postgres::start(&place, "pg").await;
    let here = Wire::to(&postgres).await;
    let port = here.address.port();

    let mut command = Command::new("unshare");
    command.args(if geteuid().is_root() { &["--mount"][..] } else { &["--mount", "--map-root-user"] });
    command.args(["sh", "-c", HOSTS, env!("CARGO_BIN_EXE_vestibule")]);
    let mut command = place.command_through(command, &["serve"]);
    let url = format!("postgres://postgres@database.vestibule.test:{port}/vestibule?sslmode=disable");
    command.envs([("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY)]);
    let mut process = Process::spawn(command);
    let ended = until("it runs or cannot", async || {
        let ended = process.has_ended();
        (ended.is_some() || process.log.entry("Vestibule is ready").is_some()).then_some(ended)
    })
    .await;
    if ended.is_some() {
        let ended = process.ended().await;
        assert!(ended.code() == Some(77) || ended.log.starts_with("unshare"), "{}", ended.log);
        eprintln!("passed over: no list of hosts can be had for one process here");
        return;
    }
    let server = process.ready().await;
    let server = server.again().with_key(&server.made().unwrap().api_key);
    let organization = server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);

    here.down().await;
    ready(&server, 503).await;
    let _there = Wire::at(&format!("127.0.0.2:{port}"), &postgres).await;
    // In place, because it is this file that is seen there, not its name.
    std::fs::write(&hosts, "127.0.0.1 localhost\n127.0.0.2 database.vestibule.test\n").unwrap();
    ready(&server, 200).await;
    assert_eq!(server.pages("/organizations").await, [organization]);
}

/// A database that lets nobody else in, for as long as others fill it.
async fn full() {
    let place = Place::new();
    let settings = "max_connections = 12\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0\n";
    let postgres = Postgres::start_with(&place, "pg", settings).await;
    let server = server(&place, &postgres.url()).await;
    let mut others = Vec::new();
    while let Ok(connection) = postgres.try_connect().await {
        others.push(connection);
    }
    let load = Load::begin(&server);
    until("it shows", async || (server.get("/organizations").await.status == 503).then_some(())).await;
    server.get("/livez").await.expect(200);
    drop(others);
    ready(&server, 200).await;
    until("there is room", async || (server.get("/organizations").await.status == 200).then_some(())).await;
    load.end().await;
}

/// Three stories at once, because most of each is waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_silent_or_slow_or_full_is_not_waited_for() {
    tokio::join!(silent(), slow(), full());
}
