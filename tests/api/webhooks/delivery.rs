//! What an endpoint receives, and what becomes of what it answers.

use serde_json::{Value, json};
use vestibule::kernel::crypto::hmac_sha256;

use crate::harness::{Received, Receiver, Reply, Test, story_apart};

const CREATED: &[&str] = &["organization.created"];
const HOUR: i64 = 3600;

/// Asserts that the header of this name was made with this secret, at this moment of the server's clock.
fn assert_signed(t: &Test, received: &Received, header: &str, secret: &Value) {
    let value = received.header(header);
    let (moment, signature) = value.strip_prefix("t=").unwrap().split_once(", v1=").unwrap();
    let age = t.app.database().clock.now().millis() - moment.parse::<i64>().unwrap();
    assert!((0..60_000).contains(&age), "signed {age} ms ago");
    let parts = [moment.as_bytes(), b".", received.body.as_bytes()];
    assert_eq!(signature, hmac_sha256(secret.as_str().unwrap().as_bytes(), &parts));
}

fn advance(t: &Test, seconds: i64) {
    t.app.database().clock.advance(seconds);
}

#[test]
fn an_event_arrives_signed_and_exactly_as_the_log_shows_it() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await;
        t.organization("Acme \u{e9}\u{1F600}").await;
        t.user("ann@example.com").await;
        t.deliver().await;
        let received = receiver.received();
        assert_eq!(received.len(), 1, "it is told of what it asked for");
        let event = t.events(CREATED).await.remove(0);
        assert_eq!(received[0].json(), event);
        // Byte for byte, the order of keys included.
        assert!(received[0].body.starts_with(r#"{"object":"event","id":"event_"#), "{}", received[0].body);
        assert_eq!(received[0].header("content-type"), "application/json");
        assert!(received[0].header("user-agent").starts_with("Vestibule/"));
        assert!(received[0].headers.get("workos-signature-rotation").is_none());
        assert_signed(&t, &received[0], "workos-signature", &endpoint["secret"]);
        t.deliver().await;
        assert_eq!(receiver.count(), 1, "once");
        let delivery = &t.deliveries().await[0];
        assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
        assert_eq!(delivery["next_attempt_at"], Value::Null);
    });
}

#[test]
fn an_endpoint_is_told_of_what_happens_after_it_was_made() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.organization("before").await;
        t.endpoint(&receiver.url(), CREATED).await;
        t.organization("after").await;
        t.neighbour().await.organization("elsewhere").await;
        t.deliver().await;
        let names: Vec<_> =
            receiver.received().iter().map(|received| received.json()["data"]["name"].clone()).collect();
        assert_eq!(names, ["after"]);
    });
}

#[test]
fn a_failure_is_tried_again_with_growing_pauses_and_then_dead() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await;
        receiver.reply(Reply::status(500));
        t.organization("Acme").await;
        t.deliver().await;
        for (attempts, pause) in [5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR].into_iter().enumerate() {
            assert_eq!(receiver.count(), attempts + 1);
            advance(&t, pause - 2);
            t.deliver().await;
            assert_eq!(receiver.count(), attempts + 1, "not before {pause} s");
            advance(&t, 3);
            t.deliver().await;
        }
        assert_eq!(receiver.count(), 7);
        let delivery = t.deliveries().await.remove(0);
        assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("dead"), &json!(7)));
        advance(&t, 20 * HOUR);
        t.deliver().await;
        assert_eq!(receiver.count(), 7, "dead");
        let received = receiver.received();
        assert!(received.iter().all(|one| one.body == received[0].body), "it is the same each time");
        let signatures: std::collections::BTreeSet<_> =
            received.iter().map(|one| one.header("workos-signature").to_owned()).collect();
        assert_eq!(signatures.len(), 7, "and signed anew each time");
        receiver.reply(Reply::status(200));
        t.organization("Next").await;
        t.deliver().await;
        assert_signed(&t, receiver.received().last().unwrap(), "workos-signature", &endpoint["secret"]);
    });
}

#[test]
fn any_2xx_is_a_success_and_nothing_else_is() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.endpoint(&receiver.url(), CREATED).await;
        for (i, (status, wanted)) in [
            (200, "delivered"),
            (204, "delivered"),
            (299, "delivered"),
            (302, "pending"),
            (404, "pending"),
            (410, "pending"),
        ]
        .into_iter()
        .enumerate()
        {
            receiver.reply(Reply::status(status));
            t.organization("Acme").await;
            t.deliver().await;
            assert_eq!(t.deliveries().await[i]["status"], wanted, "{status}");
        }
    });
}

#[test]
fn the_operator_sees_what_was_answered() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.endpoint(&receiver.url(), CREATED).await;
        let headers = vec![("x-reason", "so".to_owned()), ("set-cookie", "session=secret".to_owned())];
        receiver.reply(Reply::Answer(503, headers, format!("{}\0{}", "no ", "x".repeat(10_000))));
        t.organization("Acme").await;
        t.deliver().await;
        receiver.reply(Reply::status(200));
        advance(&t, 6);
        t.deliver().await;
        let id = t.deliveries().await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/admin/v1/environments/{}/webhook_deliveries/{id}", t.environment.id);
        let delivery = t.operator().get(&path).await.ok();
        let results = delivery["results"].as_array().unwrap();
        assert_eq!((&results[0]["number"], &results[0]["status_code"]), (&json!(1), &json!(503)));
        assert_eq!(results[0]["response_headers"]["x-reason"], "so");
        assert_eq!(results[0]["response_headers"].get("set-cookie"), None);
        let body = results[0]["response_body"].as_str().unwrap();
        assert!(body.starts_with("no \u{FFFD}x") && body.len() < 5000);
        assert!(results[0]["duration_ms"].is_i64() && results[0]["started_at"].is_string());
        assert_eq!((&results[1]["number"], &results[1]["status_code"]), (&json!(2), &json!(200)));
        assert_eq!(delivery["status"], "delivered");
        t.get(&path).await.fails(401, "unauthorized");
        let neighbour = t.neighbour().await;
        let path = format!("/admin/v1/environments/{}/webhook_deliveries/{id}", neighbour.environment.id);
        t.operator().get(path).await.missing();
    });
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_a_failure_with_words() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.endpoint(&receiver.url(), CREATED).await;
        drop(receiver);
        t.organization("Acme").await;
        t.deliver().await;
        let id = t.deliveries().await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/admin/v1/environments/{}/webhook_deliveries/{id}", t.environment.id);
        let result = t.operator().get(path).await.ok()["results"][0].clone();
        assert_eq!(result["status_code"], Value::Null);
        assert!(result["error"].as_str().unwrap().to_lowercase().contains("refused"), "{result}");
    });
}

#[test]
fn a_disabled_endpoint_is_owed_nothing_new_and_what_it_was_owed_waits() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await;
        let path = format!("/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
        receiver.reply(Reply::status(500));
        t.organization("owed").await;
        t.deliver().await;
        t.patch(&path, json!({ "status": "disabled" })).await.ok();
        t.organization("meanwhile").await;
        receiver.reply(Reply::status(200));
        advance(&t, HOUR);
        t.deliver().await;
        assert_eq!(receiver.count(), 1);
        t.patch(&path, json!({ "status": "enabled" })).await.ok();
        t.organization("again").await;
        t.deliver().await;
        let mut names: Vec<_> =
            receiver.received().iter().map(|one| one.json()["data"]["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(names, ["again", "owed", "owed"]);
    });
}

#[test]
fn a_deleted_endpoint_is_sent_nothing_more_and_leaves_nothing_behind() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await;
        receiver.reply(Reply::status(500));
        t.organization("Acme").await;
        t.deliver().await;
        t.delete(format!("/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())).await.no_content();
        assert_eq!(t.deliveries().await, [Value::Null; 0]);
        t.organization("Next").await;
        advance(&t, HOUR);
        t.deliver().await;
        assert_eq!(receiver.count(), 1);
        vestibule::worker::upkeep::round(&t.app).await;
        for table in ["webhook_endpoints", "webhook_deliveries", "webhook_attempts"] {
            let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
            let rows: i64 = sqlx::query_scalar(sql).fetch_one(t.app.database().pool()).await.unwrap();
            assert_eq!(rows, 0, "{table}");
        }
        // The URL is free again, for a stranger to the old one.
        t.endpoint(&receiver.url(), CREATED).await;
    });
}

#[test]
fn an_environment_takes_its_webhooks_with_it() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.endpoint(&receiver.url(), CREATED).await;
        receiver.reply(Reply::status(500));
        t.organization("Acme").await;
        t.deliver().await;
        t.operator().delete(format!("/admin/v1/environments/{}", t.environment.id)).await.no_content();
        advance(&t, HOUR);
        vestibule::worker::webhooks::round(&t.app).await;
        assert_eq!(receiver.count(), 1);
    });
}
