//! Stopping in order: what runs is finished, and then it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::database::{KEY, Postgres};
use crate::harness::{Place, Process, Server, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_to_stop_says_so_before_it_refuses_connections() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_STOP_DELAY", "2")]).await;
    server.signal(Signal::SIGTERM);
    until("it is not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
    server.get("/livez").await.expect(200);
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_runs_is_answered_after_the_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let place = Place::new();
        let server = place.server().await;
        let key = server.made().unwrap().api_key;
        let body = json!({ "name": "Acme" }).to_string();
        let mut slow = TcpStream::connect(server.address).await.unwrap();
        let (begun, rest) = body.split_at(4);
        let head = format!(
            "POST /organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{begun}",
            body.len()
        );
        slow.write_all(head.as_bytes()).await.unwrap();
        // Another request behind it: when that is answered, the first has been taken up as well.
        server.caller(&key).get("/organizations").await.expect(200);
        let idle = TcpStream::connect(server.address).await.unwrap();

        server.signal(signal);
        let address = server.address;
        until("no more connections are taken", async || TcpStream::connect(address).await.is_err().then_some(())).await;
        slow.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let ended = server.ended().await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
        assert_eq!(place.postmaster(), None, "PostgreSQL has stopped in order");
        drop(idle);

        let server = place.server().await.with_key(&key);
        assert_eq!(server.pages("/organizations").await.len(), 1);
    }
}

/// Who spreads requests over servers, and asks each how it is, as a load balancer does.
struct Balancer {
    servers: Vec<(Server, AtomicBool)>,
    served: AtomicU32,
    stop: AtomicBool,
}

impl Balancer {
    fn begin(servers: Vec<Server>, tasks: &mut JoinSet<()>) -> Arc<Self> {
        let servers = servers.into_iter().map(|server| (server, AtomicBool::new(true))).collect();
        let balancer = Arc::new(Self { servers, served: AtomicU32::new(0), stop: AtomicBool::new(false) });
        for index in 0..balancer.servers.len() {
            let it = Arc::clone(&balancer);
            tasks.spawn(async move {
                while !it.stop.load(Ordering::Relaxed) {
                    let (server, is_ready) = &it.servers[index];
                    let answer = server.try_send(Method::GET, "/readyz", None).await;
                    is_ready.store(answer.is_ok_and(|answer| answer.status == 200), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        for client in 0..8 {
            let it = Arc::clone(&balancer);
            tasks.spawn(async move {
                for turn in client.. {
                    if it.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (server, is_ready) = &it.servers[turn % it.servers.len()];
                    if is_ready.load(Ordering::Relaxed) {
                        let answer = server.post("/organizations", json!({ "name": "Acme" })).await;
                        assert_eq!(answer.status, 201, "{}", answer.body);
                        it.served.fetch_add(1, Ordering::Relaxed);
                    } else {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        balancer
    }

    async fn serve(&self, more: u32) {
        let wanted = self.served.load(Ordering::Relaxed) + more;
        until("requests are served", async || (self.served.load(Ordering::Relaxed) >= wanted).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_a_server_behind_a_balancer_is_stopped_under_load() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let url = postgres.url();
    let settings = [("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY), ("VESTIBULE_STOP_DELAY", "1")];
    let one = place.server_with(&settings).await;
    let other = place.server_with(&settings).await;
    let key = one.made().unwrap().api_key;
    let mut tasks = JoinSet::new();
    let balancer = Balancer::begin(vec![one.caller(&key), other.caller(&key)], &mut tasks);
    balancer.serve(50).await;
    let ended = one.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
    assert!(!ended.log.contains("did not finish in time"), "{}", ended.log);
    balancer.serve(50).await;
    balancer.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let served = usize::try_from(balancer.served.load(Ordering::Relaxed)).unwrap();
    let other = other.with_key(&key);
    assert_eq!(other.pages("/organizations").await.len(), served, "each was done once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_lets_its_clients_go() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_STOP_DELAY", "20")]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut ask = async |expected: &str| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert_eq!(answer.contains("\r\nconnection: close\r\n"), expected == "close", "{answer}");
    };
    ask("kept").await;
    server.signal(Signal::SIGTERM);
    until("it is not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
    ask("close").await;
    server.signal(Signal::SIGKILL);
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_while_it_makes_its_cluster_finishes_that_and_no_more() {
    let place = Place::new();
    let process = Process::spawn(place.command(&["serve"]));
    let draft = place.data_dir().join(format!("postgres/pgdata.new.{}", process.pid()));
    until("initdb has begun", async || draft.join("PG_VERSION").exists().then_some(())).await;
    nix::sys::signal::kill(process.pid(), Signal::SIGTERM).unwrap();
    let ended = process.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
    assert!(!ended.log.contains("Vestibule is ready") && ended.out.is_empty(), "{}{}", ended.out, ended.log);
    assert!(!draft.exists(), "the cluster is whole");
    assert_eq!(place.postmaster(), None, "and does not run");
    place.server().await.made().expect("the next start is the first");
}

/// Without a delay, and without a balancer that would know: whoever is let in is answered, and all others are told plainly
/// that nobody is there.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_is_let_in_is_cut_off_by_a_stop_without_delay() {
    for _ in 0..3 {
        let place = Place::new();
        let server = place.server().await;
        let (address, mut clients) = (server.address, JoinSet::new());
        let answered = Arc::new(AtomicU32::new(0));
        for _ in 0..16 {
            let answered = Arc::clone(&answered);
            clients.spawn(async move {
                loop {
                    // Refused at once, or not answered: either way it was not let in.
                    let connecting = timeout(Duration::from_secs(10), TcpStream::connect(address));
                    let Ok(Ok(mut stream)) = connecting.await else { return };
                    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
                    let mut answer = Vec::new();
                    stream.read_to_end(&mut answer).await.expect("who is let in is not cut off");
                    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("they are answered", async || (answered.load(Ordering::Relaxed) > 200).then_some(())).await;
        let ended = server.stop().await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    }
}
