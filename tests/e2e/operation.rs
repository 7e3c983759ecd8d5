//! Operation: the development mode, metrics, health.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::harness::{Place, until};

#[tokio::test(flavor = "multi_thread")]
async fn development_moves_the_clock_and_every_expiry_with_it() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_DEV", "true")]).await;
    let log = server.process().log.text();
    assert!(log.contains("VESTIBULE_DEV is on."), "it says so at its start: {log}");

    let made = server.made().unwrap();
    let (server, operator) = (server.caller(&made.api_key), server.caller(&made.admin_token));
    let events = "/events?events=organization.created";
    server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    server.events("organization.created", 1).await;
    let advance = json!({ "advance_seconds": 30 * 86_400 });
    server.post("/admin/v1/dev/clock", advance.clone()).await.expect(401);
    operator.post("/admin/v1/dev/clock", advance).await.expect(200);
    assert_eq!(server.pages(events).await.len(), 0, "events are kept for thirty days");
    assert_eq!(server.pages("/organizations").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_development_moves_the_clock() {
    let place = Place::new();
    let server = place.server().await;
    assert!(!server.process().log.text().contains("VESTIBULE_DEV"));
    let operator = server.caller(&server.made().unwrap().admin_token);
    operator.post("/admin/v1/dev/clock", json!({ "advance_seconds": 1 })).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn development_is_refused_on_a_public_origin() {
    let place = Place::new();
    let settings = [("VESTIBULE_DEV", "true"), ("VESTIBULE_PUBLIC_URL", "https://auth.example.com")];
    let ended = place.run(&["serve"], &settings).await;
    assert_eq!(ended.code(), Some(2));
    assert!(ended.log.contains("VESTIBULE_DEV") && ended.log.contains("https://auth.example.com"), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_tells_a_ready_server_from_none() {
    let place = Place::new();
    let server = place.server().await;
    let address = server.address.to_string();
    for arguments in [&["healthcheck"][..], &["healthcheck", "--live"]] {
        let ended = place.run(arguments, &[("VESTIBULE_LISTEN", &address)]).await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
    }
    for path in ["/livez", "/readyz", "/health"] {
        assert_eq!(server.get(path).await.expect(200), json!({ "status": "ok" }));
    }
    server.stop().await;
    let ended = place.run(&["healthcheck"], &[("VESTIBULE_LISTEN", &address)]).await;
    assert_eq!(ended.code(), Some(1));
    assert!(ended.log.contains(&address), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_labels_that_no_client_can_multiply() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_METRICS_LISTEN", "127.0.0.1:0")]).await;
    let entry = server.process().log.entry("metrics are served").unwrap();
    let metrics = format!("http://{}/metrics", entry["address"].as_str().unwrap());
    let caller = server.caller(&server.made().unwrap().api_key);
    for n in 0..20 {
        caller.get(&format!("/organizations/org_{n}")).await.expect(404);
        caller.get(&format!("/nowhere/{n}?q={n}")).await.expect(404);
        let method = Method::from_bytes(format!("METHOD{n}").as_bytes()).unwrap();
        assert_eq!(caller.try_send(method, "/organizations", None).await.unwrap().status, 405);
    }
    caller.get("/metrics").await.expect(404);

    let scrape = async || reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    let text = until("the chores have been counted", async || {
        Some(scrape().await).filter(|text| text.contains(r#"chore="tidy_rate_limits""#))
    })
    .await;
    let counts: BTreeSet<_> =
        text.lines().filter(|line| line.starts_with("vestibule_http_request_seconds_count")).collect();
    for expected in [
        r#"vestibule_http_request_seconds_count{method="GET",route="/organizations/{id}",status="404"} 20"#,
        r#"vestibule_http_request_seconds_count{method="GET",route="(none)",status="404"} 21"#,
        r#"vestibule_http_request_seconds_count{method="other",route="/organizations",status="405"} 20"#,
    ] {
        assert!(counts.contains(expected), "{expected}: {text}");
    }
    assert!(text.contains(
        r#"vestibule_http_request_seconds_bucket{method="GET",route="/organizations/{id}",status="404",le="0.25"}"#
    ));
    assert!(text.contains(r#"vestibule_upkeep_total{chore="make_event_partitions",outcome="done"} 1"#), "{text}");
    for gauge in ["connections ", "connections_idle ", "connections_max 16"] {
        assert!(text.contains(&format!("\nvestibule_database_{gauge}")), "{gauge}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_waits_for_one() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_CONNECTION_LIMIT", "16")]).await;
    let ask = async |stream: &mut TcpStream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    };
    let answered = async |stream: &mut TcpStream| {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.is_ok() && answer == *b"HTTP/1.1 200"
    };
    let mut places = Vec::new();
    // The harness has a connection of its own open, perhaps.
    while places.len() < 16 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        ask(&mut stream).await;
        if timeout(Duration::from_millis(500), answered(&mut stream)).await.is_err() {
            break;
        }
        places.push(stream);
    }
    assert!(places.len() >= 14, "{}", places.len());
    let mut late = TcpStream::connect(server.address).await.expect("nobody is turned away");
    ask(&mut late).await;
    let early = timeout(Duration::from_millis(300), answered(&mut late)).await;
    assert!(early.is_err(), "there is no place yet");
    drop(places);
    let answer = timeout(Duration::from_secs(20), async {
        let mut answer = [0; 12];
        late.read_exact(&mut answer).await.map(|_| answer)
    });
    assert_eq!(&answer.await.unwrap().unwrap(), b"HTTP/1.1 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_the_database_and_the_end_of_the_log() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_METRICS_LISTEN", "127.0.0.1:0")]).await;
    let entry = server.process().log.entry("metrics are served").unwrap();
    let url = format!("http://{}/metrics", entry["address"].as_str().unwrap());
    let figure = async |name: &str| {
        let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse::<f64>().unwrap()
    };
    assert_eq!(figure("vestibule_event_log_epoch").await, 1.0);
    assert!(figure("vestibule_event_log_newest_age_seconds").await.is_nan(), "there is none yet");
    let caller = server.caller(&server.made().unwrap().api_key);
    caller.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    assert!(figure("vestibule_event_log_position").await >= 1.0);
    assert!(figure("vestibule_event_log_newest_age_seconds").await < 60.0);
    assert!(figure("vestibule_event_log_hidden_age_seconds").await < 60.0);
    assert_eq!(figure("vestibule_event_log_up").await, 1.0);
    assert_eq!(figure("vestibule_database_up").await, 1.0);
    assert_eq!(figure("vestibule_database_waiting").await, 0.0);
    assert!(figure("vestibule_http_connections").await >= 1.0);
    // Without the database there are no figures of the log, and still an answer.
    kill(place.postmaster().unwrap(), Signal::SIGSTOP).unwrap();
    for child in children(place.postmaster().unwrap()) {
        kill(child, Signal::SIGSTOP).unwrap();
    }
    until("the loss shows", async || (figure("vestibule_database_up").await == 0.0).then_some(())).await;
    assert_eq!(figure("vestibule_event_log_up").await, 0.0);
    for process in children(place.postmaster().unwrap()).into_iter().chain(place.postmaster()) {
        kill(process, Signal::SIGCONT).unwrap();
    }
    until("it is back", async || (figure("vestibule_database_up").await == 1.0).then_some(())).await;
    caller.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
}

/// The processes that one has begun.
fn children(of: Pid) -> Vec<Pid> {
    let text = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}
