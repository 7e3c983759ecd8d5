//! Two servers on one database: what one of them learns holds for the other, and what one leaves the other takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::database::{KEY, Postgres};
use crate::harness::{Made, Place, Server, until};
use crate::receiver::Receiver;

struct Pair {
    one: Server,
    other: Server,
    made: Made,
    _postgres: Postgres,
}

async fn pair(place: &Place) -> Pair {
    pair_with(place, &[]).await
}

async fn pair_with(place: &Place, more: &[(&str, &str)]) -> Pair {
    let postgres = Postgres::start(place, "pg").await;
    let url = postgres.url();
    let settings = [&[("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY)], more].concat();
    let one = place.server_with(&settings).await;
    let other = place.server_with(&settings).await;
    let made = one.made().unwrap();
    Pair { one, other, made, _postgres: postgres }
}

/// The bound is zero: once the deletion is answered, no server takes the key for any request that begins from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_on_one_server_opens_nothing_on_the_other() {
    let place = Place::new();
    let Pair { one, other, made, _postgres } = pair(&place).await;
    let operator = one.caller(&made.admin_token);
    let environments = operator.get("/admin/v1/environments").await.expect(200);
    let keys = format!("/admin/v1/environments/{}/api_keys", environments["data"][0]["id"].as_str().unwrap());
    for _ in 0..15 {
        let key = operator.post(&keys, json!({ "name": "short-lived" })).await.expect(201);
        let value = key["value"].as_str().unwrap();
        let (stop, mut callers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for server in [&one, &other, &one, &other] {
            let (server, stop) = (server.caller(value), Arc::clone(&stop));
            server.get("/organizations").await.expect(200);
            callers.spawn(async move {
                let mut last = None;
                loop {
                    let (begun, last_round) = (Instant::now(), stop.load(Ordering::Relaxed));
                    match server.get("/organizations").await.status.as_u16() {
                        200 => last = Some(begun),
                        401 => {}
                        status => panic!("{status}"),
                    }
                    if last_round {
                        return last;
                    }
                }
            });
        }
        let path = format!("{keys}/{}", key["id"].as_str().unwrap());
        let answer = operator.try_send(Method::DELETE, &path, None).await.unwrap();
        let revoked = Instant::now();
        assert_eq!(answer.status, 204);
        other.caller(value).get("/organizations").await.expect(401);
        stop.store(true, Ordering::Relaxed);
        for last in callers.join_all().await {
            assert!(last.is_none_or(|last| last < revoked), "a request that began after the revocation was served");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_by_a_server_that_was_killed_is_there_for_the_other() {
    let place = Place::new();
    let Pair { one, other, made, _postgres } = pair(&place).await;
    let (one_caller, other) = (one.caller(&made.api_key), other.with_key(&made.api_key));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let server = one_caller.again();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                let body = json!({ "name": format!("{writer}.{number}") });
                match server.try_send(Method::POST, "/organizations", Some(body)).await {
                    Ok(answer) => acknowledged.push(answer.expect(201)),
                    Err(_) => break,
                }
            }
            acknowledged
        });
    }
    let written = async || other.get("/organizations?limit=20").await.expect(200)["data"].as_array().unwrap().len();
    until("some are written", async || (written().await == 20).then_some(())).await;
    one.signal(Signal::SIGKILL);
    one.ended().await;
    let mut acknowledged: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let there = other.pages("/organizations").await;
    acknowledged.retain(|organization| !there.contains(organization));
    assert_eq!(acknowledged, Vec::<Value>::new());
    // Nothing of the dead one keeps the log from going on.
    assert_eq!(other.events("organization.created", there.len()).await.len(), there.len());
}

const EVENTS: usize = 200;
/// What a server sends at once to an endpoint that it knows nothing of yet.
const AT_ONCE: usize = 8;

/// A pair, and a receiver that has had what both of them send at once and answers nobody yet, of [`EVENTS`] in all.
async fn pair_that_sends(place: &Place) -> (Pair, Receiver) {
    let receiver = Receiver::silent().await;
    let pair = pair_with(place, &[("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8"), ("VESTIBULE_DEV", "true")]).await;
    let hook = format!("http://{}/hook", receiver.address);
    let endpoint = json!({ "endpoint_url": hook, "events": ["organization.created"] });
    pair.one.caller(&pair.made.api_key).post("/webhook_endpoints", endpoint).await.expect(201);
    let mut writers = JoinSet::new();
    for server in [&pair.one, &pair.other, &pair.one, &pair.other] {
        let server = server.caller(&pair.made.api_key);
        writers.spawn(async move {
            for _ in 0..EVENTS / 4 {
                server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
            }
        });
    }
    writers.join_all().await;
    // Neither takes more before it has an answer, so it is half of them each.
    until("both send", async || (receiver.received.len() == 2 * AT_ONCE).then_some(())).await;
    (pair, receiver)
}

/// Waits until that many have been written down as delivered, and says in how many attempts each event was.
async fn delivered(operator: &Server, count: usize) -> BTreeMap<String, i64> {
    let environments = operator.get("/admin/v1/environments").await.expect(200);
    let environment = environments["data"][0]["id"].as_str().unwrap();
    let path = format!("/admin/v1/environments/{environment}/webhook_deliveries?status=delivered");
    until("they are delivered", async || {
        let rows = operator.pages(&path).await;
        let attempts = |row: &Value| (id_of(&row["event_id"]), row["attempts"].as_i64().unwrap());
        (rows.len() >= count).then(|| rows.iter().map(attempts).collect())
    })
    .await
}

fn id_of(id: &Value) -> String {
    id.as_str().unwrap().to_owned()
}

/// How often each event has arrived.
fn arrivals(events: &[Value]) -> BTreeMap<String, i64> {
    let mut times = BTreeMap::new();
    for event in events {
        *times.entry(id_of(&event["id"])).or_default() += 1;
    }
    times
}

/// When every delivery is done there is nothing left that could be sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_send_webhooks_together_send_each_once() {
    let place = Place::new();
    let (Pair { one, other: _other, made, _postgres }, receiver) = pair_that_sends(&place).await;
    receiver.answer();
    let delivered = delivered(&one.caller(&made.admin_token), EVENTS).await;
    let events = one.caller(&made.api_key).events("organization.created", EVENTS).await;
    let once = arrivals(&events);
    assert_eq!(once.len(), EVENTS);
    assert_eq!(arrivals(&receiver.received.take()), once);
    assert_eq!(delivered, once);
    assert_eq!(receiver.abandoned.len(), 0);
}

/// What it held stays its own until the lease ends, and is the other's then. Nothing else arrives twice.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_a_server_that_was_killed_are_sent_by_the_other_when_their_lease_has_ended() {
    let place = Place::new();
    let (Pair { one, other, made, _postgres }, receiver) = pair_that_sends(&place).await;
    one.signal(Signal::SIGKILL);
    assert_eq!(one.ended().await.code(), None, "it was killed");
    until("its requests have broken off", async || (receiver.abandoned.len() >= AT_ONCE).then_some(())).await;
    receiver.answer();
    let operator = other.caller(&made.admin_token);
    let at_first = delivered(&operator, EVENTS - AT_ONCE).await;
    let held = arrivals(&receiver.abandoned.take());
    assert_eq!(held.len(), AT_ONCE);
    assert!(at_first.keys().all(|event| !held.contains_key(event)), "nobody takes them from it before that");
    let once = arrivals(&receiver.received.take());
    let events = other.caller(&made.api_key).events("organization.created", EVENTS).await;
    assert_eq!(once, arrivals(&events), "each has been sent once, by whichever of the two");

    operator.post("/admin/v1/dev/clock", json!({ "advance_seconds": 61 })).await.expect(200);
    let mut in_the_end = delivered(&operator, EVENTS).await;
    assert_eq!(arrivals(&receiver.received.take()), held, "those again, and no other");
    in_the_end.retain(|_, attempts| *attempts == 2);
    assert!(in_the_end.keys().eq(held.keys()), "of each of them it was the second attempt");
}

/// Their clocks are moved, not the machine's: the moments that they write and go by are those of their own clocks alone.
#[tokio::test(flavor = "multi_thread")]
async fn servers_whose_clocks_are_half_a_minute_apart_do_everything_once_and_trust_each_other() {
    const ALL: usize = 100;
    let place = Place::new();
    let receiver = Receiver::start().await;
    let settings = [("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8"), ("VESTIBULE_DEV", "true")];
    let Pair { one, other, made, _postgres } = pair_with(&place, &settings).await;
    let ahead = json!({ "advance_seconds": 30 });
    other.caller(&made.admin_token).post("/admin/v1/dev/clock", ahead).await.expect(200);
    let (here, there) = (one.caller(&made.api_key), other.caller(&made.api_key));
    let hook = format!("http://{}/hook", receiver.address);
    let endpoint = json!({ "endpoint_url": hook, "events": ["organization.created"] });
    here.post("/webhook_endpoints", endpoint).await.expect(201);
    for number in 0..ALL {
        let server = if number % 2 == 0 { &here } else { &there };
        server.post("/organizations", json!({ "name": number.to_string() })).await.expect(201);
    }
    let log = here.events("organization.created", ALL).await;
    assert_eq!(there.events("organization.created", ALL).await, log);
    let names = log.iter().map(|event| event["data"]["name"].as_str().unwrap().to_owned());
    assert!(names.eq((0..ALL).map(|number| number.to_string())), "the log is in the order of what happened");
    let delivered = delivered(&one.caller(&made.admin_token), ALL).await;
    assert_eq!(arrivals(&receiver.received.take()), arrivals(&log), "each is sent once");
    assert_eq!(delivered, arrivals(&log), "and at the first attempt");

    // A session goes from one to the other and back.
    let person = json!({ "email": "ann@example.com", "password": "correct horse battery staple" });
    here.post("/user_management/users", person.clone()).await.expect(201);
    let authenticate = async |server: &Server, grant: &str, mut body: Value| {
        body["grant_type"] = grant.into();
        body["client_id"] = made.client_id.as_str().into();
        body["client_secret"] = made.api_key.as_str().into();
        server.post("/user_management/authenticate", body).await.expect(200)
    };
    let mut session = authenticate(&there, "password", person).await;
    for turn in 0..6 {
        let token = json!({ "refresh_token": session["refresh_token"] });
        session = authenticate(if turn % 2 == 0 { &here } else { &there }, "refresh_token", token).await;
    }
}
