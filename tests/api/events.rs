//! Events: the log as its readers see it. What it promises about order and time is in `event_log`.

use serde_json::{Value, json};

use crate::harness::{Test, story};

/// Organizations of these names, made one after another.
async fn organizations(t: &Test, names: &[&str]) -> Vec<Value> {
    let mut made = Vec::new();
    for name in names {
        made.push(t.organization(name).await);
    }
    t.settle().await;
    made
}

/// What the events of a page are about.
fn names(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|event| event["data"]["name"].as_str().unwrap()).collect()
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

#[test]
fn an_event_has_the_form_of_the_api() {
    story(async |t| {
        let made = organizations(&t, &["Acme"]).await;
        let page = t.get("/events?events=organization.created").await.ok();
        assert_eq!(page["object"], "list");
        assert_eq!(page["list_metadata"], json!({ "before": null, "after": null }));
        let event = &page["data"][0];
        assert!(id(event).starts_with("event_"));
        assert_eq!(event["object"], "event");
        assert_eq!(event["event"], "organization.created");
        assert_eq!(event["data"], made[0]);
        assert!(event["created_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(event.get("context"), None);
    });
}

#[test]
fn names_are_read_in_every_encoding_of_the_sdks() {
    story(async |t| {
        let made = organizations(&t, &["Acme"]).await;
        t.put(format!("/organizations/{}", id(&made[0])), json!({ "name": "Acme Ltd" })).await.ok();
        t.settle().await;
        let (a, b) = ("organization.created", "organization.updated");
        for query in [
            format!("events={a}%2C{b}"),
            format!("events={a},{b}"),
            format!("events={a}&events={b}"),
            format!("events%5B0%5D={a}&events%5B1%5D={b}"),
            format!("events[]={a}&events[]={b}"),
            format!("events={b},{a},,{a}"),
            format!("events={a},no.such.event,{b}"),
        ] {
            assert_eq!(names(&t.get(format!("/events?{query}")).await.ok()), ["Acme", "Acme Ltd"], "{query}");
        }
        assert_eq!(names(&t.get(format!("/events?events={b}")).await.ok()), ["Acme Ltd"]);
        assert_eq!(t.get("/events?events=no.such.event").await.ok()["data"], json!([]));
    });
}

#[test]
fn faults_of_the_query_are_named_together() {
    story(async |t| {
        t.get("/events").await.invalid(&["events"]);
        t.get("/events?events=").await.invalid(&["events"]);
        let many: Vec<_> = (0..257).map(|n| format!("a.{n}")).collect();
        t.get(format!("/events?events={}", many.join(","))).await.invalid(&["events"]);
        t.get(format!("/events?events={}", many[1..].join(","))).await.ok();
        for moment in ["2026-01-01", "yesterday", "2026-01-01T00:00:00%2B00:00", "2026-01-01T00:00:00", "", "Z"] {
            let query = format!("/events?events=a&range_start={moment}&range_end={moment}");
            t.get(query).await.invalid(&["range_start", "range_end"]);
        }
        let query = "/events?events=a&organization_id=acme&limit=0&before=x&after=org_1&order=up";
        t.get(query).await.invalid(&["organization_id", "limit", "before", "after", "order"]);
        for limit in ["101", "-1", "ten", "1.5"] {
            t.get(format!("/events?events=a&limit={limit}")).await.invalid(&["limit"]);
        }
    });
}

#[test]
fn events_are_filtered_by_organization() {
    story(async |t| {
        let made = organizations(&t, &["A", "B"]).await;
        let path = format!("/events?events=organization.created&organization_id={}", id(&made[1]));
        assert_eq!(names(&t.get(path).await.ok()), ["B"]);
        let path = "/events?events=organization.created&organization_id=org_01EHWNCE74X7JSDV0X3SZ3KJNY";
        assert_eq!(t.get(path).await.ok()["data"], json!([]));
    });
}

#[test]
fn a_range_holds_its_start_and_not_its_end() {
    story(async |t| {
        for name in ["A", "B", "C"] {
            t.organization(name).await;
            t.app.database().clock.advance(60);
        }
        t.settle().await;
        let all = t.get("/events?events=organization.created").await.ok();
        let moment = |n: usize| all["data"][n]["created_at"].as_str().unwrap();
        let ranged = async |range: String| {
            let page = t.get(format!("/events?events=organization.created{range}")).await.ok();
            names(&page).join("")
        };
        assert_eq!(ranged(format!("&range_start={}", moment(1))).await, "BC");
        assert_eq!(ranged(format!("&range_end={}", moment(1))).await, "A");
        assert_eq!(ranged(format!("&range_start={}&range_end={}", moment(1), moment(2))).await, "B");
        assert_eq!(ranged(format!("&range_start={}&range_end={}", moment(2), moment(1))).await, "");
        assert_eq!(ranged(format!("&range_start={}", moment(1).replace(".", ".0000"))).await, "BC");
        assert_eq!(ranged("&range_start=1970-01-01T00:00:00Z&range_end=9999-12-31T23:59:59Z".to_owned()).await, "ABC");
    });
}

/// Every window of a log of seven, in every order, against a slice of the same list in memory.
#[test]
fn pages_go_both_ways_in_every_order() {
    story(async |t| {
        let letters = ["A", "B", "C", "D", "E", "F", "G"];
        organizations(&t, &letters).await;
        let all = t.get("/events?events=organization.created").await.ok();
        let cursor = |n: usize| id(&all["data"][n]).to_owned();
        for order in ["", "asc", "desc", "normal"] {
            let upwards = matches!(order, "" | "asc");
            let named = if order.is_empty() { String::new() } else { format!("&order={order}") };
            for at in 0..letters.len() {
                for limit in [1, 3, 6, 7] {
                    for (cursor_name, follows) in [("after", order != "normal"), ("before", order == "normal")] {
                        let query = format!("limit={limit}{named}&{cursor_name}={}", cursor(at));
                        let page = t.get(format!("/events?events=organization.created&{query}")).await.ok();
                        // In terms of what is shown: the part behind the cursor's place, or the part before it.
                        let mut shown = letters.to_vec();
                        if !upwards {
                            shown.reverse();
                        }
                        let place = if upwards { at } else { letters.len() - 1 - at };
                        let (part, more) = if follows {
                            let rest = &shown[place + 1..];
                            (&rest[..rest.len().min(limit)], rest.len() > limit)
                        } else {
                            let rest = &shown[..place];
                            (&rest[rest.len().saturating_sub(limit)..], rest.len() > limit)
                        };
                        assert_eq!(names(&page), part, "{query}");
                        let onward = if cursor_name == "after" { "after" } else { "before" };
                        let found = &page["list_metadata"][onward];
                        assert_eq!(found.is_string(), more, "{query}: {}", page["list_metadata"]);
                    }
                }
            }
        }
    });
}

#[test]
fn a_window_may_be_closed_on_both_sides() {
    story(async |t| {
        organizations(&t, &["A", "B", "C", "D", "E"]).await;
        let all = t.get("/events?events=organization.created").await.ok();
        let cursor = |n: usize| id(&all["data"][n]);
        let path = |order: &str, after: usize, before: usize| {
            let cursors = format!("after={}&before={}", cursor(after), cursor(before));
            format!("/events?events=organization.created&order={order}&{cursors}")
        };
        assert_eq!(names(&t.get(path("asc", 0, 3)).await.ok()), ["B", "C"]);
        assert_eq!(names(&t.get(path("desc", 3, 0)).await.ok()), ["C", "B"]);
        assert_eq!(names(&t.get(path("normal", 0, 3)).await.ok()), ["C", "B"]);
        assert_eq!(t.get(path("asc", 3, 0)).await.ok()["data"], json!([]));
    });
}

#[test]
fn the_newest_event_is_a_cursor_from_which_reading_goes_on() {
    story(async |t| {
        organizations(&t, &["A", "B"]).await;
        let all = t.get("/events?events=organization.created").await.ok();
        let end = format!("/events?events=organization.created&after={}", id(&all["data"][1]));
        let page = t.get(&end).await.ok();
        assert_eq!(page["data"], json!([]));
        assert_eq!(page["list_metadata"], json!({ "before": null, "after": null }));
        organizations(&t, &["C", "D"]).await;
        assert_eq!(names(&t.get(&end).await.ok()), ["C", "D"]);
        let page = t.get(format!("{end}&limit=1")).await.ok();
        assert_eq!(names(&page), ["C"]);
        assert_eq!(page["list_metadata"]["after"], page["data"][0]["id"]);
    });
}

/// Nobody can tell a cursor that retention has removed from one that never was: both begin before everything.
#[test]
fn an_unknown_cursor_stands_before_everything() {
    story(async |t| {
        organizations(&t, &["A", "B"]).await;
        let other = t.neighbour().await;
        organizations(&other, &["X"]).await;
        let foreign = other.get("/events?events=organization.created").await.ok();
        let foreign = id(&foreign["data"][0]);
        for cursor in
            [foreign, "event_01EHWNCE74X7JSDV0X3SZ3KJNY", "event_imported", "event_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"]
        {
            let get =
                async |query: &str| t.get(format!("/events?events=organization.created&{query}={cursor}")).await.ok();
            assert_eq!(names(&get("after").await), ["A", "B"], "{cursor}");
            assert_eq!(names(&get("before").await), [""; 0], "{cursor}");
            assert_eq!(names(&get("order=desc&before").await), ["B", "A"], "{cursor}");
            assert_eq!(names(&get("order=desc&after").await), [""; 0], "{cursor}");
        }
    });
}

#[test]
fn events_of_another_environment_are_not_seen() {
    story(async |t| {
        let made = organizations(&t, &["A"]).await;
        let other = t.neighbour().await;
        assert_eq!(other.events(&["organization.created"]).await, [""; 0]);
        let path = format!("/events?events=organization.created&organization_id={}", id(&made[0]));
        assert_eq!(other.get(path).await.ok()["data"], json!([]));
        t.with_key("").get("/events?events=organization.created").await.fails(401, "unauthorized");
    });
}
