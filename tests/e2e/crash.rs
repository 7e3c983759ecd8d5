//! Crashes: whoever is killed and whenever, what was acknowledged is there, and the log tells the same as the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::harness::{Place, Server, until};
use crate::receiver::Receiver;

const WRITERS: usize = 8;

/// Clients that create organizations one after another, as fast as they are answered.
struct Load {
    acknowledged: mpsc::UnboundedReceiver<Value>,
    stop: Arc<AtomicBool>,
    writers: JoinSet<()>,
    kept: Vec<Value>,
}

impl Load {
    fn begin(server: &Server, key: &str) -> Self {
        let (tell, acknowledged) = mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (server, tell, stop) = (server.caller(key), tell.clone(), Arc::clone(&stop));
            writers.spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let body = json!({ "name": format!("{writer}.{number}") });
                    number += 1;
                    match server.try_send(Method::POST, "/organizations", Some(body)).await {
                        Ok(answer) if answer.status == 201 => drop(tell.send(answer.body)),
                        // It was not acknowledged, so it may be there or not.
                        Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
            });
        }
        Self { acknowledged, stop, writers, kept: Vec::new() }
    }

    /// Waits until that many more writes have been acknowledged.
    async fn acknowledged(&mut self, more: usize) {
        for _ in 0..more {
            let next = tokio::time::timeout(std::time::Duration::from_secs(60), self.acknowledged.recv()).await;
            self.kept.push(next.expect("no write is acknowledged any more").unwrap());
        }
    }

    /// Everything that was acknowledged.
    async fn end(mut self) -> Vec<Value> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
        while let Ok(organization) = self.acknowledged.try_recv() {
            self.kept.push(organization);
        }
        self.kept
    }
}

/// Every acknowledged organization is there as it was answered, and each one that is there has exactly one event.
async fn holds(server: &Server, acknowledged: &[Value]) -> BTreeMap<String, Value> {
    let by_id = |organizations: &[Value]| -> BTreeMap<String, Value> {
        organizations.iter().map(|it| (it["id"].as_str().unwrap().to_owned(), it.clone())).collect()
    };
    let rows = by_id(&server.pages("/organizations").await);
    for organization in acknowledged {
        assert_eq!(rows.get(organization["id"].as_str().unwrap()), Some(organization), "it was acknowledged");
    }
    let events = server.events("organization.created", rows.len()).await;
    let told: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(by_id(&told), rows, "no row without its event, no event without its row");
    assert_eq!(told.len(), rows.len(), "no event twice");
    rows
}

fn kill_postmaster(place: &Place) {
    kill(place.postmaster().expect("PostgreSQL runs"), Signal::SIGKILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let place = Place::new();
    let mut server = place.server().await;
    let key = server.made().unwrap().api_key;
    let mut acknowledged = Vec::new();
    for moment in [1, 40, 150] {
        let mut load = Load::begin(&server, &key);
        load.acknowledged(moment).await;
        server.signal(Signal::SIGKILL);
        assert_eq!(server.ended().await.code(), None, "it was killed");
        acknowledged.append(&mut load.end().await);
        server = place.server().await;
        assert_eq!(server.made(), None);
        holds(&server.caller(&key), &acknowledged).await;
    }
}

/// How many writes the long test does: 2,000, or what this variable says. `.ci/run` says 10,000.
fn writes() -> usize {
    std::env::var_os("VESTIBULE_TEST_WRITES").map_or(2000, |text| text.to_str().unwrap().parse().unwrap())
}

/// Killed again and again while 8 clients write: rows and events tell the same, nothing acknowledged is missing, and a
/// webhook tells of each at least once.
#[tokio::test(flavor = "multi_thread")]
async fn many_writes_and_their_webhooks_outlive_a_server_that_is_killed_and_killed() {
    const KILLS: usize = 5;
    let receiver = Receiver::start().await;
    let place = Place::new();
    let settings = [
        ("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8"),
        ("VESTIBULE_API_KEY", "sk_of_the_many_writes"),
        ("VESTIBULE_ADMIN_TOKEN", "operator-token-of-the-many-writes"),
        ("VESTIBULE_DEV", "true"),
    ];
    let key = settings[1].1;
    let mut server = place.server_with(&settings).await;
    let hook = format!("http://{}/hook", receiver.address);
    let endpoint = json!({ "endpoint_url": hook, "events": ["organization.created"] });
    server.caller(key).post("/webhook_endpoints", endpoint).await.expect(201);
    let mut acknowledged = Vec::new();
    for _ in 0..KILLS {
        let mut load = Load::begin(&server, key);
        load.acknowledged(writes() / KILLS).await;
        server.signal(Signal::SIGKILL);
        assert_eq!(server.ended().await.code(), None, "it was killed");
        acknowledged.append(&mut load.end().await);
        server = place.server_with(&settings).await;
    }
    assert!(acknowledged.len() >= writes() / KILLS * KILLS);
    let rows = holds(&server.caller(key), &acknowledged).await;

    // What the killed ones were about to send is held for them until then.
    let lease = json!({ "advance_seconds": 61 });
    server.caller(settings[2].1).post("/admin/v1/dev/clock", lease).await.expect(200);
    let mut told = BTreeSet::new();
    until("webhooks have told of every row", async || {
        for event in receiver.received.take() {
            told.insert(event["data"]["id"].as_str().unwrap().to_owned());
        }
        (told.len() >= rows.len()).then_some(())
    })
    .await;
    assert!(told.iter().eq(rows.keys()), "of every row, and of nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_outlives_its_postgresql() {
    let place = Place::new();
    let server = place.server().await;
    let key = server.made().unwrap().api_key;
    let mut load = Load::begin(&server, &key);
    for moment in [1, 40, 150] {
        load.acknowledged(moment).await;
        let before = place.postmaster();
        kill_postmaster(&place);
        until("PostgreSQL is another", async || place.postmaster().filter(|_| place.postmaster() != before)).await;
    }
    // More than could have been on their way: it serves again.
    load.acknowledged(2 * WRITERS).await;
    let acknowledged = load.end().await;
    until("it is ready again", async || (server.get("/readyz").await.status == 200).then_some(())).await;
    holds(&server.caller(&key), &acknowledged).await;
    let ended = server.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_server_and_postgresql_are_killed_together() {
    let place = Place::new();
    let mut server = place.server().await;
    let key = server.made().unwrap().api_key;
    let mut acknowledged = Vec::new();
    for (moment, server_first) in [(1, true), (40, false), (150, true), (80, false)] {
        let mut load = Load::begin(&server, &key);
        load.acknowledged(moment).await;
        if server_first {
            server.signal(Signal::SIGKILL);
            kill_postmaster(&place);
        } else {
            kill_postmaster(&place);
            server.signal(Signal::SIGKILL);
        }
        server.ended().await;
        acknowledged.append(&mut load.end().await);
        server = place.server().await;
        holds(&server.caller(&key), &acknowledged).await;
    }
}

/// A first start is killed at every step that it tells of; the next one takes it from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_may_be_killed_at_any_moment() {
    use crate::harness::Process;

    for step in ["made a new PostgreSQL cluster", "private PostgreSQL is ready", "Vestibule is ready"] {
        let place = Place::new();
        let process = Process::spawn(place.command(&["serve"]));
        until(step, async || process.log.entry(step)).await;
        kill(process.pid(), Signal::SIGKILL).unwrap();
        process.ended().await;
        let server = place.server_with(&[("VESTIBULE_API_KEY", "sk_another_that_is_known")]).await;
        let server = server.with_key("sk_another_that_is_known");
        server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    }
}
