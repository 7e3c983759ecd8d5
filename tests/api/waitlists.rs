//! Waitlists.

use serde_json::{Value, json};

use crate::harness::{Answer, Test, story};

const ALL: &str = "/user_management/waitlists";
const ENTRIES: &str = "/user_management/waitlists/default/entries";

async fn join(t: &Test, email: &str) -> Value {
    t.post(ENTRIES, json!({ "email": email })).await.created()
}

async fn act(t: &Test, entry: &Value, what: &str) -> Answer {
    t.post(format!("/user_management/waitlist_entries/{}/{what}", entry["id"].as_str().unwrap()), json!({})).await
}

#[test]
fn the_first_entry_makes_the_default_waitlist() {
    story(async |t| {
        t.get(format!("{ALL}/default")).await.missing();
        t.get(ENTRIES).await.missing();
        assert_eq!(t.get(ALL).await.ok()["data"], json!([]));
        let body = json!({ "email": "Ann@Example.test", "additional_fields": { "company": "Acme" } });
        let entry = t.post(ENTRIES, body).await.created();
        assert!(entry["id"].as_str().unwrap().starts_with("wl_user_"));
        assert_eq!((&entry["object"], &entry["state"]), (&json!("waitlist_entry"), &json!("pending")));
        assert_eq!((&entry["email"], &entry["approved_at"]), (&json!("ann@example.test"), &Value::Null));
        assert_eq!(entry["additional_fields"], json!({ "company": "Acme" }));

        let list = t.get(format!("{ALL}/default")).await.ok();
        assert_eq!((&list["object"], &list["id"]), (&json!("waitlist"), &entry["waitlist_id"]));
        let whole = t.get(ALL).await.ok();
        assert_eq!(
            (&whole["data"], &whole["list_metadata"]),
            (&json!([list]), &json!({ "before": null, "after": null }))
        );
        let by_id = format!("{ALL}/{}", list["id"].as_str().unwrap());
        assert_eq!(t.get(&by_id).await.ok(), list);
        assert_eq!(t.get(format!("{by_id}/entries")).await.ok()["data"], json!([entry]));
        t.neighbour().await.get(&by_id).await.missing();
        t.post(format!("{ALL}/waitlist_nowhere/entries"), json!({ "email": "x@y.test" })).await.missing();

        t.assert_events(&["waitlist_user.created"]).await;
        let mut told = t.events(&["waitlist_user.created"]).await.remove(0)["data"].take();
        assert_eq!(told["object"], "waitlist_user");
        told["object"] = json!("waitlist_entry");
        assert_eq!(told, entry);
        assert_eq!(t.mail().await.len(), 0);
    });
}

#[test]
fn an_address_is_on_a_list_once() {
    story(async |t| {
        let body = json!({ "email": "ann@example.test", "send_confirmation_email": true });
        let entry = t.post(ENTRIES, body).await.created();
        let body =
            json!({ "email": "ANN@example.test", "additional_fields": { "a": "b" }, "send_confirmation_email": true });
        assert_eq!(t.post(ENTRIES, body).await.created(), entry);
        assert_eq!(t.mail().await.len(), 1);
        t.assert_events(&["waitlist_user.created"]).await;
        t.user("ben@example.test").await;
        t.post(ENTRIES, json!({ "email": "Ben@example.test" })).await.fails(422, "user_already_exists");
        join(&t.neighbour().await, "ann@example.test").await;
    });
}

#[test]
fn many_who_join_at_once_make_one_list_and_one_entry() {
    story(async |t| {
        let emails =
            ["ann@example.test", "ben@example.test", "ann@example.test", "cem@example.test", "ann@example.test"];
        let entries = futures_util::future::join_all(emails.map(|email| join(&t, email))).await;
        assert!(entries.iter().all(|entry| entry["waitlist_id"] == entries[0]["waitlist_id"]));
        assert_eq!(t.pages(ENTRIES).await.len(), 3);
        assert_eq!(t.events(&["waitlist_user.created"]).await.len(), 3);
    });
}

#[test]
fn a_confirmation_is_sent_if_both_want_it() {
    story(async |t| {
        t.settings(json!({ "waitlist_confirmation_mail": false })).await;
        t.post(ENTRIES, json!({ "email": "ann@example.test", "send_confirmation_email": true })).await.created();
        assert_eq!(t.mail().await.len(), 0);
        t.settings(json!({ "waitlist_confirmation_mail": true })).await;
        t.post(ENTRIES, json!({ "email": "ben@example.test", "send_confirmation_email": false })).await.created();
        assert_eq!(t.mail().await.len(), 0);
        t.post(ENTRIES, json!({ "email": "cem@example.test", "send_confirmation_email": true })).await.created();
        assert_eq!(t.mail().await[0]["to"], "cem@example.test");
    });
}

#[test]
fn who_is_approved_is_invited() {
    story(async |t| {
        let entry = join(&t, "ann@example.test").await;
        let approved = act(&t, &entry, "approve").await.ok();
        assert_eq!(approved["state"], "approved");
        assert!(approved["approved_at"].is_string());
        act(&t, &entry, "approve").await.fails(422, "invalid_state");
        act(&t, &entry, "deny").await.fails(422, "invalid_state");
        let invitation = t.pages("/user_management/invitations").await.remove(0);
        assert_eq!((&invitation["email"], &invitation["organization_id"]), (&json!("ann@example.test"), &Value::Null));
        assert_eq!(t.mail().await[0]["to"], "ann@example.test");
        t.assert_events(&["waitlist_user.created", "waitlist_user.approved", "invitation.created"]).await;

        // The invitation stays when the entry goes.
        let path = format!("/user_management/waitlist_entries/{}", entry["id"].as_str().unwrap());
        t.neighbour().await.delete(&path).await.missing();
        t.delete(&path).await.no_content();
        t.delete(&path).await.missing();
        assert_eq!(t.pages("/user_management/invitations").await[0]["state"], "pending");
    });
}

#[test]
fn an_approval_stands_although_nobody_can_be_invited() {
    story(async |t| {
        let entry = join(&t, "ann@example.test").await;
        t.user("ann@example.test").await;
        assert_eq!(act(&t, &entry, "approve").await.ok()["state"], "approved");
        assert_eq!(t.pages("/user_management/invitations").await.len(), 0);
        assert_eq!(t.pages(&format!("{ENTRIES}?state=approved")).await.len(), 1);
        t.assert_events(&["waitlist_user.created", "user.created", "waitlist_user.approved"]).await;
    });
}

#[test]
fn a_denial_can_be_reversed() {
    story(async |t| {
        let entry = join(&t, "ann@example.test").await;
        let denied = act(&t, &entry, "deny").await.ok();
        assert_eq!((&denied["state"], &denied["approved_at"]), (&json!("denied"), &Value::Null));
        act(&t, &entry, "deny").await.fails(422, "invalid_state");
        assert_eq!(t.mail().await.len(), 0);
        assert_eq!(act(&t, &entry, "approve").await.ok()["state"], "approved");
        act(&t, &json!({ "id": "wl_user_nowhere" }), "approve").await.missing();
        act(&t, &json!({ "id": "wl_user_nowhere" }), "deny").await.missing();
        t.assert_events(&[
            "waitlist_user.created",
            "waitlist_user.denied",
            "waitlist_user.approved",
            "invitation.created",
        ])
        .await;
    });
}

#[test]
fn of_many_who_decide_at_once_one_does() {
    story(async |t| {
        let entry = join(&t, "ann@example.test").await;
        let answers = futures_util::future::join_all((0..6).map(|_| act(&t, &entry, "approve"))).await;
        let won = answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
        assert_eq!(won, 1);
        assert_eq!(t.pages("/user_management/invitations").await.len(), 1);
        assert_eq!(t.mail().await.len(), 1);
    });
}

#[test]
fn entries_are_found_by_state_and_address() {
    story(async |t| {
        for name in ["ann", "ben", "cem"] {
            join(&t, &format!("{name}@example.test")).await;
        }
        let ben = t.get(format!("{ENTRIES}?email=BEN@example.test")).await.ok()["data"][0].clone();
        assert_eq!(ben["email"], "ben@example.test");
        act(&t, &ben, "deny").await.ok();
        assert_eq!(t.pages(&format!("{ENTRIES}?state=denied")).await.len(), 1);
        assert_eq!(t.pages(&format!("{ENTRIES}?state=pending&limit=1")).await.len(), 2);
        t.get(format!("{ENTRIES}?state=odd")).await.invalid(&["state"]);
    });
}

#[test]
fn what_an_entry_may_say() {
    story(async |t| {
        let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
        for fields in [
            json!({ "k": 1 }),
            json!({ "k".repeat(41): "v" }),
            json!({ "": "v" }),
            json!({ "k": "v".repeat(601) }),
            json!({ "a\0b": "v" }),
            json!([]),
            Value::Object(many),
        ] {
            let body = json!({ "email": "ann@example.test", "additional_fields": fields });
            t.post(ENTRIES, body).await.fails(422, "invalid_request_parameters");
        }
        t.post(ENTRIES, json!({ "email": "nobody" })).await.invalid(&["email"]);
        t.get(format!("{ALL}/default")).await.missing();
        let body = json!({ "email": "ann@example.test", "additional_fields": { "ü".repeat(40): "ü".repeat(600) } });
        t.post(ENTRIES, body).await.created();
    });
}
