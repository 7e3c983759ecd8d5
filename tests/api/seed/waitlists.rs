//! Waitlists of seeds: who is put on one, what is decided of them, and that nobody hears of it.

use serde_json::{Value, json};
use vestibule::seed::Mode;

use super::{apply, faults, read, run};
use crate::harness::{Test, story};

const ENTRIES: &str = "/user_management/waitlists/default/entries?order=asc";

/// Who is on the list, each with what was decided.
async fn standing(t: &Test) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    t.pages(ENTRIES).await.iter().map(|entry| (text(&entry["email"]), text(&entry["state"]))).collect()
}

#[test]
fn a_seed_puts_people_on_the_waitlist_and_writes_to_nobody() {
    story(async |t| {
        t.user("cem@wait.test").await;
        let text = "
            waitlists:
              - id: waitlist_01SEED
                entries:
                  - { id: wl_user_1, email: Ann@wait.test, additional_fields: { company: Acme } }
                  - { id: wl_user_2, email: ben@wait.test, state: approved, approved_at: '2026-01-02T03:04:05.678Z' }
                  - { id: wl_user_3, email: cem@wait.test, state: denied }";
        assert_eq!(
            apply(&t, text).await,
            [
                "create waitlist 'default'",
                "create waitlist entry 'ann@wait.test'",
                "create waitlist entry 'ben@wait.test'",
                "create waitlist entry 'cem@wait.test'",
            ]
        );
        let told = ["waitlist_user.created", "waitlist_user.approved", "waitlist_user.denied", "invitation.created"];
        let happened = async || {
            let events = t.events(&told).await;
            events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let once = [told[0], told[0], told[1], told[0], told[2]];
        assert_eq!(happened().await, once);
        assert_eq!(apply(&t, text).await, [""; 0]);
        assert_eq!(happened().await, once);
        assert_eq!(t.mail().await.len(), 0);
        assert_eq!(t.pages("/user_management/invitations").await.len(), 0);

        let entries = t.pages(ENTRIES).await;
        assert_eq!((&entries[0]["id"], &entries[0]["email"]), (&json!("wl_user_1"), &json!("ann@wait.test")));
        assert_eq!(entries[0]["additional_fields"], json!({ "company": "Acme" }));
        assert_eq!(entries[0]["waitlist_id"], "waitlist_01SEED");
        assert_eq!(entries[1]["approved_at"], "2026-01-02T03:04:05.678Z");
        assert_eq!((&entries[2]["state"], &entries[2]["approved_at"]), (&json!("denied"), &Value::Null));
        assert_eq!(t.neighbour().await.get("/user_management/waitlists").await.ok()["data"], json!([]));
    });
}

#[test]
fn what_was_decided_of_an_entry_is_not_undone_by_a_seed() {
    story(async |t| {
        let all = |state: &str| {
            let line = |name: &str| format!("{{ email: {name}@wait.test, state: {state} }}");
            format!("waitlists: [{{ entries: [{}, {}, {}] }}]", line("p"), line("a"), line("d"))
        };
        apply(&t, &all("pending")).await;
        for (entry, action) in t.pages(ENTRIES).await[1..].iter().zip(["approve", "deny"]) {
            let path = format!("/user_management/waitlist_entries/{}/{action}", entry["id"].as_str().unwrap());
            t.post(path, json!({})).await.ok();
        }
        let mail = t.mail().await.len();
        let stand = |states: [&str; 3]| {
            let emails = ["p@wait.test", "a@wait.test", "d@wait.test"];
            emails.iter().zip(states).map(|(email, state)| ((*email).to_owned(), state.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(apply(&t, &all("pending")).await, [""; 0]);
        assert_eq!(standing(&t).await, stand(["pending", "approved", "denied"]));
        assert_eq!(apply(&t, &all("denied")).await, ["update waitlist entry 'p@wait.test'"]);
        assert_eq!(standing(&t).await, stand(["denied", "approved", "denied"]));
        assert_eq!(
            apply(&t, &all("approved")).await,
            ["update waitlist entry 'p@wait.test'", "update waitlist entry 'd@wait.test'"]
        );
        assert_eq!(standing(&t).await, stand(["approved", "approved", "approved"]));
        assert_eq!(t.mail().await.len(), mail);
    });
}

#[test]
fn what_is_wrong_with_a_waitlist_is_named_with_its_place() {
    story(async |t| {
        let text = "
            waitlists:
              - entries:
                  - { email: ann@wait.test, id: wl_user_1 }
                  - { email: Ann@wait.test, id: wl_user_1 }
                  - { email: nobody, approved_at: '2026-01-02T03:04:05Z', additional_fields: { '': x } }
              - {}";
        let found = faults(read(&t, text));
        let places: Vec<_> = found.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "waitlists[1]",
                "waitlists[0].entries[1].email",
                "waitlists[0].entries[1].id",
                "waitlists[0].entries[2].email",
                "waitlists[0].entries[2].approved_at",
                "waitlists[0].entries[2].additional_fields",
            ]
        );

        apply(&t, "waitlists: [{ id: waitlist_1, entries: [{ email: ann@wait.test, id: wl_user_1 }] }]").await;
        for (text, place) in [
            ("waitlists: [{ id: waitlist_2 }]", "waitlists[0].id"),
            ("waitlists: [{ entries: [{ email: ann@wait.test, id: wl_user_2 }] }]", "waitlists[0].entries[0].id"),
            ("waitlists: [{ entries: [{ email: ben@wait.test, id: wl_user_1 }] }]", "waitlists[0].entries[0]"),
        ] {
            let refused = faults(run(&t, &read(&t, text).unwrap(), Mode::Apply).await);
            assert_eq!(refused.len(), 1);
            assert_eq!(refused[0].split([' ', ':']).next().unwrap(), place);
        }
        assert_eq!(standing(&t).await, [("ann@wait.test".to_owned(), "pending".to_owned())]);
    });
}
