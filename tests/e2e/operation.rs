//! Operation: the development mode, metrics, health.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

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
