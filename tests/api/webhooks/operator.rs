//! What the operator does with webhooks: looks at them, sends them again, and gives endpoints new secrets.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;
use vestibule::kernel::crypto::hmac_sha256;

use crate::harness::{Received, Receiver, Reply, Test, story_apart};

const CREATED: &[&str] = &["organization.created"];
const DAY: i64 = 86_400;

fn path(t: &Test, rest: &str) -> String {
    format!("/admin/v1/environments/{}/{rest}", t.environment.id)
}

async fn replay(t: &Test, body: Value) -> Value {
    t.operator().post(path(t, "webhook_replays"), body).await.created()
}

fn names(receiver: &Receiver) -> Vec<String> {
    receiver.received().iter().map(|one| one.json()["data"]["name"].as_str().unwrap().to_owned()).collect()
}

/// Which of these secrets a header was made with.
fn signer(received: &Received, header: &str, secrets: &[&Value]) -> Option<usize> {
    let value = received.headers.get(header)?.to_str().unwrap();
    let (moment, signature) = value.strip_prefix("t=").unwrap().split_once(", v1=").unwrap();
    let parts = [moment.as_bytes(), b".", received.body.as_bytes()];
    secrets.iter().position(|secret| hmac_sha256(secret.as_str().unwrap().as_bytes(), &parts) == signature)
}

#[test]
fn an_attempt_that_is_under_way_does_not_swallow_a_replay() {
    story_apart(async |t| {
        let (receiver, told) = (Receiver::start().await, Arc::new(Notify::new()));
        receiver.reply(Reply::Held(told.clone()));
        let endpoint = t.endpoint(&receiver.url(), CREATED).await;
        t.organization("A").await;
        let asked_again = async {
            receiver.wait_for(1).await;
            let event = t.deliveries().await[0]["event_id"].clone();
            replay(&t, json!({ "endpoint_id": endpoint["id"], "event_ids": [event] })).await;
            receiver.reply(Reply::status(200));
            told.notify_one();
        };
        tokio::join!(t.deliver(), asked_again);
        t.deliver().await;
        assert_eq!(receiver.count(), 2, "once as it happened, once as it was asked for");
        assert_eq!(t.deliveries().await[0]["status"], "delivered");
    });
}

#[test]
fn deliveries_are_chosen_by_endpoint_event_and_status() {
    story_apart(async |t| {
        let (good, bad) = (Receiver::start().await, Receiver::start().await);
        bad.reply(Reply::status(500));
        let good = (t.endpoint(&good.url(), CREATED).await["id"].clone(), good);
        let bad = (t.endpoint(&bad.url(), CREATED).await["id"].clone(), bad);
        for name in ["A", "B"] {
            t.organization(name).await;
        }
        t.deliver().await;
        let all = t.deliveries().await;
        assert_eq!(all.len(), 4);
        let list = async |query: String| {
            t.operator().get(path(&t, &format!("webhook_deliveries?{query}"))).await.ok()["data"].clone()
        };
        let of_good = list(format!("endpoint_id={}", good.0.as_str().unwrap())).await;
        assert!(of_good.as_array().unwrap().iter().all(|one| one["endpoint_id"] == good.0));
        assert_eq!(of_good.as_array().unwrap().len(), 2);
        let pending = list("status=pending".to_owned()).await;
        assert!(pending.as_array().unwrap().iter().all(|one| one["endpoint_id"] == bad.0));
        assert!(pending[0]["next_attempt_at"].is_string());
        let event = all[0]["event_id"].as_str().unwrap();
        let of_event = list(format!("event_id={event}&status=delivered")).await;
        assert_eq!(of_event.as_array().unwrap().len(), 1);
        assert_eq!(of_event[0]["event"], "organization.created");
        t.operator().get(path(&t, "webhook_deliveries?status=lost")).await.invalid(&["status"]);
        t.operator().get(path(&t, "webhook_deliveries/webhook_delivery_none")).await.missing();
        t.operator().get("/admin/v1/environments/environment_none/webhook_deliveries").await.missing();
    });
}

#[test]
fn dead_and_delivered_events_are_sent_again_by_id() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await["id"].clone();
        t.organization("delivered").await;
        t.deliver().await;
        receiver.reply(Reply::status(500));
        t.organization("dead").await;
        for _ in 0..8 {
            t.deliver().await;
            t.app.database().clock.advance(11 * 3600);
        }
        receiver.reply(Reply::status(200));
        let before = receiver.count();
        let deliveries = t.deliveries().await;
        assert_eq!((&deliveries[0]["status"], &deliveries[1]["status"]), (&json!("delivered"), &json!("dead")));
        let ids: Vec<_> = deliveries.iter().map(|one| one["event_id"].clone()).collect();
        let queued = replay(&t, json!({ "endpoint_id": endpoint, "event_ids": [ids[1], ids[0], "event_none"] })).await;
        assert_eq!(queued["object"], "webhook_replay");
        assert_eq!(queued["deliveries"], json!([deliveries[0]["id"], deliveries[1]["id"]]));
        assert_eq!((&queued["missing"], &queued["after"]), (&json!(["event_none"]), &Value::Null));
        t.deliver().await;
        assert_eq!(names(&receiver)[before..].iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
        let after = t.deliveries().await;
        assert!(after.iter().all(|one| one["status"] == "delivered"));
        assert_eq!((&after[0]["attempts"], &after[1]["attempts"]), (&json!(2), &json!(8)), "what was before is kept");
        // A replay that fails begins with the shortest pause.
        receiver.reply(Reply::status(500));
        replay(&t, json!({ "endpoint_id": endpoint, "event_ids": [ids[1]] })).await;
        t.deliver().await;
        receiver.reply(Reply::status(200));
        t.app.database().clock.advance(6);
        t.deliver().await;
        assert_eq!(t.deliveries().await[1]["status"], "delivered");
    });
}

#[test]
fn a_range_of_time_is_sent_again_even_to_a_new_endpoint() {
    story_apart(async |t| {
        let (clock, mut moments) = (&t.app.database().clock, Vec::new());
        for name in ["A", "B", "C"] {
            moments.push(clock.now().to_string());
            t.organization(name).await;
            clock.advance(60);
        }
        t.user("ann@example.com").await;
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await["id"].clone();
        t.deliver().await;
        assert_eq!(receiver.count(), 0);
        let queued = replay(&t, json!({ "endpoint_id": endpoint, "from": moments[1], "to": clock.now() })).await;
        assert_eq!((queued["deliveries"].as_array().unwrap().len(), &queued["after"]), (2, &Value::Null));
        t.deliver().await;
        let mut got = names(&receiver);
        got.sort();
        assert_eq!(got, ["B", "C"], "what it asks for, in that time");
        let none = replay(&t, json!({ "endpoint_id": endpoint, "from": moments[0], "to": moments[0] })).await;
        assert_eq!(none["deliveries"], json!([]));
    });
}

#[test]
fn a_long_range_is_sent_again_in_parts() {
    story_apart(async |t| {
        let emit = async |tx: &mut vestibule::db::Tx| {
            for number in 0..1100 {
                let data = json!({ "name": number.to_string() });
                tx.emit(vestibule::kernel::event::Event::new("organization.created", None, &data))?;
            }
            Ok(())
        };
        t.app.database().write(t.environment.key, emit).await.unwrap();
        let endpoint = t.endpoint(&Receiver::start().await.url(), CREATED).await["id"].clone();
        t.settle().await;
        let mut body = json!({ "endpoint_id": endpoint, "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" });
        let first = replay(&t, body.clone()).await;
        assert_eq!(first["deliveries"].as_array().unwrap().len(), 1000);
        body["after"] = first["after"].clone();
        let second = replay(&t, body).await;
        assert_eq!((second["deliveries"].as_array().unwrap().len(), &second["after"]), (100, &Value::Null));
    });
}

#[test]
fn a_replay_says_which_and_to_whom() {
    story_apart(async |t| {
        let endpoint = t.endpoint("https://example.com", CREATED).await["id"].clone();
        let refuse = async |body: Value, fields: &[&str]| {
            t.operator().post(path(&t, "webhook_replays"), body).await.invalid(fields);
        };
        refuse(json!({}), &["endpoint_id"]).await;
        refuse(json!({ "endpoint_id": endpoint }), &["event_ids"]).await;
        refuse(json!({ "endpoint_id": endpoint, "event_ids": [], "from": "2020-01-01T00:00:00Z" }), &["event_ids"])
            .await;
        refuse(json!({ "endpoint_id": endpoint, "from": "2020-01-01T00:00:00Z" }), &["to"]).await;
        refuse(json!({ "endpoint_id": endpoint, "from": "yesterday", "to": "today" }), &["from", "to"]).await;
        let body = json!({ "endpoint_id": "we_none", "event_ids": [] });
        t.operator().post(path(&t, "webhook_replays"), body).await.missing();
        let body = json!({ "endpoint_id": endpoint, "event_ids": [] });
        let stranger = t.neighbour().await;
        t.operator().post(path(&stranger, "webhook_replays"), body.clone()).await.missing();
        assert_eq!(replay(&t, body).await["deliveries"], json!([]));
    });
}

#[test]
fn a_secret_is_replaced_while_both_are_live() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let made = t.endpoint(&receiver.url(), CREATED).await;
        let id = made["id"].as_str().unwrap();
        let rotations = path(&t, &format!("webhook_endpoints/{id}/secret_rotations"));
        let told = async |name: &str| {
            t.organization(name).await;
            t.deliver().await;
            receiver.received().pop().unwrap()
        };
        let shown = async || t.get("/webhook_endpoints").await.ok()["data"][0]["secret"].clone();
        let rotated = t.operator().post(&rotations, json!({ "activate_in_seconds": DAY })).await.created();
        let [old, new] = [&rotated["secrets"][0]["value"], &rotated["secrets"][1]["value"]];
        assert_eq!((old, &rotated["secrets"][0]["state"]), (&made["secret"], &json!("active")));
        assert_eq!(rotated["secrets"][1]["state"], "next");
        assert!(rotated["secrets"][1]["active_at"].is_string() && rotated["secrets"][0]["expires_at"].is_string());
        assert!(new.as_str().unwrap().starts_with("whsec_") && new != old);

        let secrets = [old, new];
        let got = told("while the old one signs").await;
        assert_eq!(signer(&got, "workos-signature", &secrets), Some(0));
        assert_eq!(signer(&got, "workos-signature-rotation", &secrets), Some(1));
        assert_eq!(shown().await, *old);
        t.operator().post(&rotations, json!({})).await.fails(409, "secret_rotation_in_progress");

        t.app.database().clock.advance(DAY + 1);
        let got = told("while the new one signs").await;
        assert_eq!(signer(&got, "workos-signature", &secrets), Some(1));
        assert_eq!(signer(&got, "workos-signature-rotation", &secrets), Some(0));
        assert_eq!(shown().await, *new);
        let listed = t.operator().get(path(&t, "webhook_endpoints")).await.ok()["data"][0].clone();
        assert_eq!((&listed["secrets"][0]["value"], &listed["secrets"][1]["state"]), (new, &json!("former")));

        t.app.database().clock.advance(DAY);
        let got = told("when the old one has ended").await;
        assert_eq!(signer(&got, "workos-signature", &secrets), Some(1));
        assert_eq!(signer(&got, "workos-signature-rotation", &secrets), None);
        let listed = t.operator().get(path(&t, "webhook_endpoints")).await.ok()["data"][0].clone();
        assert_eq!(listed["secrets"].as_array().unwrap().len(), 1);
        t.operator().post(&rotations, json!({})).await.created();
    });
}

#[test]
fn a_secret_that_leaked_is_replaced_at_once() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let made = t.endpoint(&receiver.url(), CREATED).await;
        let rotations = path(&t, &format!("webhook_endpoints/{}/secret_rotations", made["id"].as_str().unwrap()));
        t.operator().post(&rotations, json!({})).await.created();
        let rotated = t.operator().post(&rotations, json!({ "activate_in_seconds": 0 })).await.created();
        assert_eq!(rotated["secrets"].as_array().unwrap().len(), 1);
        t.organization("Acme").await;
        t.deliver().await;
        let got = receiver.received().pop().unwrap();
        assert_eq!(signer(&got, "workos-signature", &[&rotated["secrets"][0]["value"]]), Some(0));
        assert!(got.headers.get("workos-signature-rotation").is_none());
        t.operator().post(&rotations, json!({ "activate_in_seconds": -1 })).await.invalid(&["activate_in_seconds"]);
        t.operator()
            .post(&rotations, json!({ "activate_in_seconds": 1e9 as i64 }))
            .await
            .invalid(&["activate_in_seconds"]);
        t.post(&rotations, json!({})).await.fails(401, "unauthorized");
        let stranger = t.neighbour().await;
        let foreign = path(&stranger, &format!("webhook_endpoints/{}/secret_rotations", made["id"].as_str().unwrap()));
        t.operator().post(foreign, json!({})).await.missing();
    });
}
