//! Webhook endpoints.

use serde_json::json;
use vestibule::model::webhook_events;

use crate::harness::{Test, client, story, story_apart};

const ALL: &str = "/webhook_endpoints";

#[test]
fn an_endpoint_is_made_listed_changed_and_deleted() {
    story(async |t| {
        let url = "https://example.com/hook?x=1";
        let made = t.endpoint(url, &["user.created", "organization.created", "user.created"]).await;
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("we_"));
        assert_eq!(made["object"], "webhook_endpoint");
        assert_eq!(made["endpoint_url"], url);
        assert_eq!(made["events"], json!(["user.created", "organization.created"]));
        assert_eq!(made["status"], "enabled");
        assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_") && secret.len() == 49));
        assert_eq!(made.as_object().unwrap().len(), 8);
        assert_eq!(t.get(ALL).await.ok()["data"], json!([made]));

        let path = format!("{ALL}/{id}");
        let unchanged = t.patch(&path, json!({})).await.ok();
        assert_eq!(unchanged, made);
        let fields = json!({ "endpoint_url": "https://example.com/new", "status": "disabled", "events": [] });
        let changed = t.patch(&path, fields).await.ok();
        assert_eq!(changed["endpoint_url"], "https://example.com/new");
        assert_eq!((&changed["status"], &changed["events"]), (&json!("disabled"), &json!([])));
        assert_eq!((&changed["secret"], &changed["id"]), (&made["secret"], &made["id"]));
        assert_eq!(t.get(ALL).await.ok()["data"], json!([changed]));

        t.delete(&path).await.no_content();
        t.delete(&path).await.missing();
        t.patch(&path, json!({ "status": "enabled" })).await.missing();
        assert_eq!(t.get(ALL).await.ok()["data"], json!([]));
        assert_eq!(t.all_events().await, [""; 0]);
    });
}

#[test]
fn one_environment_has_a_url_once() {
    story(async |t| {
        let (one, other) = ("https://example.com/one", "https://example.com/other");
        let first = t.endpoint(one, &["user.created"]).await;
        let second = t.endpoint(other, &["user.created"]).await;
        let again = json!({ "endpoint_url": one, "events": [] });
        let body = t.post(ALL, again.clone()).await.fails(409, "duplicate_endpoint");
        assert!(body["message"].as_str().unwrap().contains("already exists"));
        let path = format!("{ALL}/{}", second["id"].as_str().unwrap());
        t.patch(path, json!({ "endpoint_url": one })).await.fails(409, "duplicate_endpoint");
        t.neighbour().await.endpoint(one, &["user.created"]).await;
        t.delete(format!("{ALL}/{}", first["id"].as_str().unwrap())).await.no_content();
        let racers = (0..4).map(|_| t.post(ALL, again.clone()));
        let answers = futures_util::future::join_all(racers).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status.as_u16())));
    });
}

#[test]
fn an_environment_has_a_hundred_endpoints_at_most() {
    story(async |t| {
        let make = async |number: u32| {
            let url = format!("https://acme.example/{number}");
            t.post(ALL, json!({ "endpoint_url": url, "events": ["user.created"] })).await
        };
        for number in 0..99 {
            make(number).await.created();
        }
        // Two at once do not pass the limit together.
        let (one, two) = tokio::join!(make(99), make(100));
        assert_eq!([one.status, two.status].iter().filter(|status| **status == 201).count(), 1);
        make(101).await.fails(400, "too_many_webhook_endpoints");
        t.neighbour()
            .await
            .post(ALL, json!({ "endpoint_url": "https://acme.example/0", "events": [] }))
            .await
            .created();
        let id = t.get(ALL).await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
        t.delete(format!("{ALL}/{id}")).await.no_content();
        make(102).await.created();
    });
}

#[test]
fn every_event_of_the_catalogue_can_be_asked_for_and_no_other() {
    story(async |t| {
        assert!(webhook_events::NAMES.is_sorted() && webhook_events::NAMES.len() == 113);
        t.endpoint("https://example.com", &webhook_events::NAMES).await;
        let url = "https://example.com/other";
        let body = json!({ "endpoint_url": url, "events": ["user.created", "user.exploded", "vault.data.read"] });
        let faults = t.post(ALL, body).await.invalid(&["events[1]", "events[2]"]);
        assert_eq!(faults["errors"][0]["code"], "unknown_event_type");
        assert!(faults["errors"][0]["message"].as_str().unwrap().contains("user.exploded"));
        t.post(ALL, json!({})).await.invalid(&["endpoint_url", "events"]);
        t.post(ALL, json!({ "endpoint_url": 1, "events": "user.created" })).await.invalid(&["endpoint_url", "events"]);
        let path = format!("{ALL}/{}", t.get(ALL).await.ok()["data"][0]["id"].as_str().unwrap());
        t.patch(&path, json!({ "status": "asleep" })).await.invalid(&["status"]);
        t.patch(&path, json!({ "events": [""] })).await.invalid(&["events[0]"]);
    });
}

#[test]
fn a_url_that_could_never_be_delivered_to_is_refused() {
    story(async |t| {
        let t = Test::with(|parts| parts.http = client(&[], |_| Vec::new())).await.joined(&t);
        for url in ["no url", "http://example.com", "https://127.0.0.1", "https://10.1/", "ftp://example.com"] {
            let body = json!({ "endpoint_url": url, "events": ["user.created"] });
            t.post(ALL, body).await.fails(422, "invalid_url");
        }
        let long = format!("https://example.com/{}", "x".repeat(2048));
        t.post(ALL, json!({ "endpoint_url": long, "events": [] })).await.fails(422, "invalid_url");
        t.post(ALL, json!({ "endpoint_url": " ", "events": [] })).await.invalid(&["endpoint_url"]);
        let made = t.endpoint("https://example.com", &[]).await;
        let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
        t.patch(path, json!({ "endpoint_url": "https://[::1]" })).await.fails(422, "invalid_url");
    });
}

#[test]
fn a_developer_may_use_his_own_machine_if_the_operator_says_so() {
    story(async |t| {
        for url in ["http://localhost:3000/hook", "http://127.0.0.1:3000/hook", "https://127.1:3000"] {
            t.endpoint(url, &["user.created"]).await;
        }
        let body = json!({ "endpoint_url": "http://10.0.0.1/", "events": [] });
        t.post(ALL, body).await.fails(422, "invalid_url");
    });
}

#[test]
fn a_secret_is_stored_sealed_and_removed_with_its_endpoint() {
    story_apart(async |t| {
        let made = t.endpoint("https://example.com", &["user.created"]).await;
        let secret = made["secret"].as_str().unwrap();
        let stored = async || {
            let sql = "select secret from webhook_endpoints";
            sqlx::query_scalar::<_, Vec<u8>>(sql).fetch_all(t.app.database().pool()).await.unwrap()
        };
        let sealed = stored().await;
        assert!(sealed[0].len() > secret.len() && !sealed[0].windows(16).any(|part| part == &secret.as_bytes()[..16]));
        t.delete(format!("{ALL}/{}", made["id"].as_str().unwrap())).await.no_content();
        assert_eq!(stored().await, [Vec::<u8>::new()]);
        vestibule::worker::upkeep::round(&t.app).await;
        assert!(stored().await.is_empty());
    });
}
