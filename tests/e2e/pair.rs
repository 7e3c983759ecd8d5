//! Two servers on one database: what one of them learns holds for the other, and what one leaves the other takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::database::{KEY, Postgres};
use crate::harness::{Made, Place, Server};

struct Pair {
    one: Server,
    other: Server,
    made: Made,
    _postgres: Postgres,
}

async fn pair(place: &Place) -> Pair {
    let postgres = Postgres::start(place, "pg").await;
    let url = postgres.url();
    let settings = [("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY)];
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
    crate::harness::until("some are written", async || (written().await == 20).then_some(())).await;
    one.signal(Signal::SIGKILL);
    one.ended().await;
    let mut acknowledged: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let there = other.pages("/organizations").await;
    acknowledged.retain(|organization| !there.contains(organization));
    assert_eq!(acknowledged, Vec::<serde_json::Value>::new());
    // Nothing of the dead one keeps the log from going on.
    assert_eq!(other.events("organization.created", there.len()).await.len(), there.len());
}
