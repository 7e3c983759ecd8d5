//! What every route has in common: callers, bodies, envelopes, ids of requests, pages.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use vestibule::http::limit::Limits;
use vestibule::http::{NoContent, Routes};

use crate::harness::{Answer, Test, story};

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let request =
        headers.iter().fold(Request::builder().method(method).uri(path), |r, (name, value)| r.header(*name, *value));
    request.body(body.into()).unwrap()
}

#[test]
fn only_a_key_of_the_environment_opens_it() {
    story(async |t| {
        for key in ["", "sk_wrong", "client_x"] {
            let refused = t.with_key(key).get("/organizations").await;
            assert_eq!(refused.headers["content-type"], "application/json; charset=utf-8");
            assert_eq!(
                refused.fails(401, "unauthorized"),
                json!({ "message": "Unauthorized", "code": "unauthorized" })
            );
        }
        let nobody = t.with_key("");
        for value in ["Bearer ", "Bearer", "Basic c2s6", &format!("Basic {}", t.key), &t.key] {
            let headers = [("authorization", value)];
            nobody.call(request(Method::GET, "/organizations", &headers, "")).await.fails(401, "unauthorized");
        }
        let lower = format!("bearer {}", t.key);
        nobody.call(request(Method::GET, "/organizations", &[("authorization", &lower)], "")).await.ok();
    });
}

#[test]
fn an_empty_body_is_an_empty_object_whatever_its_type() {
    story(async |t| {
        let id = t.organization("Empty").await["id"].as_str().unwrap().to_owned();
        for headers in [&[][..], &[("content-type", "application/json")], &[("content-type", "text/plain")]] {
            for body in ["", " \n", "{}", "null"] {
                let put = request(Method::PUT, &format!("/organizations/{id}"), headers, body);
                assert_eq!(t.call(put).await.ok()["name"], "Empty");
                t.call(request(Method::POST, "/organizations", headers, body)).await.invalid(&["name"]);
            }
        }
    });
}

#[test]
fn a_body_that_cannot_be_read_is_named_and_changes_nothing() {
    story(async |t| {
        for body in ["{", "{\"name\":\"x\"} x", "\u{feff}{}", "nul"] {
            t.call(request(Method::POST, "/organizations", &[], body)).await.fails(400, "invalid_request_body");
        }
        t.call(request(Method::POST, "/organizations", &[], vec![b'{', 0xff])).await.fails(400, "invalid_request_body");
        for body in ["[]", "\"x\"", "1"] {
            t.call(request(Method::POST, "/organizations", &[], body)).await.invalid(&["body"]);
        }
        let deep = "[".repeat(100_000);
        t.call(request(Method::POST, "/organizations", &[], deep)).await.fails(400, "invalid_request_body");
        let large = json!({ "name": "x".repeat(1 << 20) }).to_string();
        let refused = t.call(request(Method::POST, "/organizations", &[], large)).await;
        assert_eq!((refused.status.as_u16(), refused.body["message"].is_string()), (413, true));
        assert_eq!(t.pages("/organizations").await.len(), 0);
    });
}

#[test]
fn an_answer_names_so_many_faults_and_no_more() {
    story(async |t| {
        let body = json!({ "name": "A", "domains": vec![7; 1000] });
        let refused = t.post("/organizations", body).await.fails(422, "invalid_request_parameters");
        assert_eq!(refused["errors"].as_array().unwrap().len(), 100);
        let body = json!({ "name": "A", "domains": vec![7; 1001] });
        t.post("/organizations", body).await.invalid(&["domains"]);
        let many: Vec<_> = (0..101).map(|n| format!("d{n}.test")).collect();
        t.post("/organizations", json!({ "name": "A", "domains": many })).await.invalid(&["domains"]);
    });
}

#[test]
fn unknown_fields_are_ignored() {
    story(async |t| {
        let body = json!({ "name": "Kept", "colour": "blue", "id": "org_mine", "environment": 1 });
        let made = t.post("/organizations", body).await.created();
        assert_eq!(made.get("colour"), None);
        assert_ne!(made["id"], "org_mine");
        t.get("/organizations?colour=blue").await.ok();
    });
}

#[test]
fn every_answer_has_the_id_of_its_request() {
    story(async |t| {
        let made = t.get("/organizations").await.headers["x-request-id"].clone();
        assert!(made.to_str().unwrap().starts_with("req_"));
        let given = request(Method::GET, "/nowhere", &[("x-request-id", "mine-1")], "");
        assert_eq!(t.call(given).await.headers["x-request-id"], "mine-1");
        for bad in ["two words", "x\ty", &"x".repeat(129)] {
            let given = request(Method::GET, "/nowhere", &[("x-request-id", bad)], "");
            assert_ne!(t.call(given).await.headers["x-request-id"], bad);
        }
    });
}

#[test]
fn what_is_not_there_is_json_too() {
    story(async |t| {
        for path in [
            "/",
            "/nowhere",
            "/organizations/",
            "/organizations//x",
            "/%FF",
            "/organizations/%FF",
            "/organizations/%00",
        ] {
            let answer = t.get(path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body["message"].is_string()),
                (404, true),
                "{path}: {}",
                answer.body
            );
        }
        let answer = t.patch("/organizations", json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.body["message"].as_str()), (405, Some("Method Not Allowed")));
        assert!(answer.headers.contains_key(header::ALLOW));
    });
}

#[test]
fn the_limit_of_requests_is_told_with_whole_seconds() {
    story(async |t| {
        let t = Test::with_limits(Limits::new(std::num::NonZeroU32::new(2), None)).await.joined(&t);
        t.get("/organizations").await.ok();
        t.get("/organizations").await.ok();
        let refused = t.get("/organizations").await;
        let wait: u32 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait));
        refused.fails(429, "rate_limit_exceeded");
        t.neighbour().await.get("/organizations").await.ok();
    });
}

#[test]
fn a_page_that_makes_no_sense_is_refused() {
    story(async |t| {
        for query in ["limit=0", "limit=101", "limit=ten", "limit=-1", "limit=99999999999999999999"] {
            t.get(format!("/organizations?{query}")).await.invalid(&["limit"]);
        }
        t.get("/organizations?order=up&after=user_1&limit=x").await.invalid(&["limit", "after", "order"]);
        t.get("/organizations?limit=%00").await.invalid(&["limit"]);
    });
}

/// Walks a list by its cursors, forwards (`after`) or backwards (`before`), and returns the pages.
async fn walk(t: &Test, query: &str, cursor: &str, start: Option<&str>) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = start.map(str::to_owned);
    loop {
        let at = next.map(|id| format!("&{cursor}={id}")).unwrap_or_default();
        let page: Value = t.get(format!("/organizations?{query}{at}")).await.ok();
        let names = page["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned());
        pages.push(names.collect());
        next = page["list_metadata"][cursor].as_str().map(str::to_owned);
        if next.is_none() {
            return pages;
        }
    }
}

#[test]
fn pages_go_both_ways_in_all_three_orders() {
    story(async |t| {
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            ids.push(t.organization(name).await["id"].as_str().unwrap().to_owned());
        }
        let (first, last) = (Some(ids[0].as_str()), Some(ids[4].as_str()));
        assert_eq!(walk(&t, "limit=2&order=asc", "after", None).await, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        assert_eq!(walk(&t, "limit=2&order=asc", "before", last).await, [vec!["c", "d"], vec!["a", "b"]]);
        assert_eq!(walk(&t, "limit=2&order=desc", "after", None).await, [vec!["e", "d"], vec!["c", "b"], vec!["a"]]);
        assert_eq!(walk(&t, "limit=2", "before", first).await, [vec!["c", "b"], vec!["e", "d"]]);
        // In normal order, `before` means older.
        assert_eq!(walk(&t, "limit=2&order=normal", "before", None).await, [vec!["e", "d"], vec!["c", "b"], vec!["a"]]);
        assert_eq!(walk(&t, "limit=2&order=normal", "after", first).await, [vec!["c", "b"], vec!["e", "d"]]);
        let alone = t.get("/organizations?limit=5").await.ok();
        assert_eq!(alone["list_metadata"], json!({ "before": null, "after": null }));
    });
}

#[test]
fn a_cursor_outlives_its_row() {
    story(async |t| {
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(t.organization(name).await["id"].as_str().unwrap().to_owned());
        }
        t.delete(format!("/organizations/{}", ids[1])).await.accepted();
        let after = t.get(format!("/organizations?order=asc&after={}", ids[1])).await.ok();
        assert_eq!(after["data"][0]["name"], "c");
    });
}

#[test]
fn a_segment_of_a_path_is_decoded_once() {
    story(async |t| {
        for (external_id, segment) in
            [("a/b", "a%2Fb"), ("a%2Fb", "a%252Fb"), ("q?#&", "q%3F%23%26"), ("a+b", "a+b"), (" ", "%20")]
        {
            t.post("/organizations", json!({ "name": "X", "external_id": external_id })).await.created();
            let found = t.get(format!("/organizations/external_id/{segment}")).await.ok();
            assert_eq!(found["external_id"], external_id);
        }
    });
}

#[test]
fn a_panic_is_an_internal_failure_in_the_envelope() {
    let panicking = Routes::family("panics").get("/panic", async || -> NoContent { panic!("a secret") });
    story(async |t| {
        let service = vestibule::http::edge::surround(panicking, t.app.clone());
        let response = tower::ServiceExt::oneshot(service, request(Method::GET, "/panic", &[], "")).await.unwrap();
        let body = Answer::read("GET /panic".to_owned(), response).await.fails(500, "internal_server_error");
        assert!(!body.to_string().contains("secret"));
    });
}
