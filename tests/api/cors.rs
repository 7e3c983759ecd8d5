//! CORS origins, and what browsers are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use tokio::task::JoinSet;
use vestibule::app;
use vestibule::http::routes::Access;

use crate::harness::{Answer, Test, story, until};

const ALL: &str = "/user_management/cors_origins";
const AUTHENTICATE: &str = "/user_management/authenticate";

/// A request as a browser makes it for a page of this origin.
async fn browse(t: &Test, method: Method, path: &str, origin: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("origin", origin);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    t.with_key("").call(request.body(Body::empty()).unwrap()).await
}

async fn preflight(t: &Test, path: &str, origin: &str) -> Answer {
    let asked = [("access-control-request-method", "POST"), ("access-control-request-headers", "accept,content-type")];
    browse(t, Method::OPTIONS, path, origin, &asked).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[track_caller]
fn assert_silent(answer: &Answer) {
    let told: Vec<_> = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(told.is_empty(), "{}: {told:?}", answer.what);
}

/// An origin that no other test configures: which origins may ask is known to the whole server.
fn own(t: &Test) -> String {
    format!("https://{}.example.com", t.environment.id.as_str().replace('_', "-").to_lowercase())
}

#[test]
fn an_origin_is_made_in_the_form_of_browsers_and_listed() {
    story(async |t| {
        let made = t.post(ALL, json!({ "origin": "HTTPS://App.Example.com:443/" })).await.created();
        assert_eq!((&made["object"], &made["origin"]), (&json!("cors_origin"), &json!("https://app.example.com")));
        assert!(made["id"].as_str().unwrap().starts_with("cors_origin_"));
        let again = t.post(ALL, json!({ "origin": "https://app.example.com" })).await;
        assert!(again.fails(409, "duplicate_cors_origin")["message"].as_str().unwrap().contains("already exists"));
        assert_eq!(t.pages(ALL).await, std::slice::from_ref(&made));
        let other = t.neighbour().await;
        other.post(ALL, json!({ "origin": "https://app.example.com" })).await.created();

        let admin = format!("/admin/v1/environments/{}/cors_origins", other.environment.id);
        let foreign = format!("{admin}/{}", made["id"].as_str().unwrap());
        t.operator().delete(foreign).await.missing();
        let admin = format!("/admin/v1/environments/{}/cors_origins", t.environment.id);
        t.operator().delete(format!("{admin}/{}", made["id"].as_str().unwrap())).await.no_content();
        assert_eq!(t.pages(ALL).await.len(), 0);
    });
}

#[test]
fn what_is_no_origin_is_told_in_the_words_of_this_operation() {
    story(async |t| {
        let t = Test::with(|parts| parts.development = false).await.joined(&t);
        for origin in [
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com/path",
            "https://app.example.com?x",
            "https://user@app.example.com",
            "ftp://app.example.com",
            "http://app.example.com",
        ] {
            let refused = t.post(ALL, json!({ "origin": origin })).await.invalid(&["origin"]);
            assert_eq!(refused["errors"][0]["property"], "origin");
            assert!(refused["errors"][0]["constraints"]["isOrigin"].is_string());
        }
        t.post(ALL, json!({ "origin": "http://localhost:3000" })).await.created();
    });
}

#[test]
fn a_page_of_a_configured_origin_may_call_the_public_routes() {
    story(async |t| {
        let origin = own(&t);
        t.post(ALL, json!({ "origin": origin })).await.created();
        let told = preflight(&t, AUTHENTICATE, &origin).await;
        assert_eq!(told.status.as_u16(), 204);
        assert_eq!(header(&told, "access-control-allow-origin"), origin);
        assert_eq!(header(&told, "access-control-allow-methods"), "POST");
        assert!(header(&told, "access-control-allow-headers").contains("content-type"));
        assert_eq!(header(&told, "access-control-max-age"), "600");
        assert_eq!((header(&told, "access-control-allow-credentials"), header(&told, "vary")), ("", "origin"));

        // Failures have the headers as well: a page must be able to read why.
        let failed = browse(&t, Method::POST, AUTHENTICATE, &origin, &[]).await;
        assert_eq!(header(&failed, "access-control-allow-origin"), origin);
        assert!(header(&failed, "access-control-expose-headers").contains("retry-after"));
        failed.fails(400, "invalid_request");
        let jwks = format!("/sso/jwks/{}", t.environment.client_id);
        let keys = browse(&t, Method::GET, &jwks, &origin, &[]).await;
        assert_eq!(header(&keys, "access-control-allow-origin"), origin);
        keys.ok();
    });
}

#[test]
fn other_pages_are_told_nothing() {
    story(async |t| {
        let origin = own(&t);
        let made = t.post(ALL, json!({ "origin": origin })).await.created();
        for stranger in ["https://evil.example", "null", &format!("{origin}.evil.example"), &format!("{origin}:8443")] {
            let told = preflight(&t, AUTHENTICATE, stranger).await;
            assert_silent(&told);
            assert_eq!(told.status.as_u16(), 405);
            let answer = browse(&t, Method::POST, AUTHENTICATE, stranger, &[]).await;
            assert_silent(&answer);
            assert_eq!(header(&answer, "vary"), "origin");
        }
        let admin = format!("/admin/v1/environments/{}/cors_origins", t.environment.id);
        t.operator().delete(format!("{admin}/{}", made["id"].as_str().unwrap())).await.no_content();
        assert_silent(&preflight(&t, AUTHENTICATE, &origin).await);
    });
}

/// Another server on the same database, in the same environment.
async fn elsewhere(t: &Test) -> Test {
    Test::with(|_| ()).await.joined(t)
}

#[test]
fn an_origin_that_was_taken_away_is_answered_by_no_server_from_then_on() {
    story(async |t| {
        let (origin, there) = (own(&t), elsewhere(&t).await);
        for _ in 0..3 {
            let made = t.post(ALL, json!({ "origin": origin })).await.created();
            // Pages that never pause, so that whatever may be remembered is.
            let stop = Arc::new(AtomicBool::new(false));
            let mut pages = JoinSet::new();
            for server in [t.clone(), there.clone()] {
                let allowed = preflight(&server, AUTHENTICATE, &origin).await;
                assert_eq!(header(&allowed, "access-control-allow-origin"), origin);
                let (origin, stop) = (origin.clone(), Arc::clone(&stop));
                pages.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        preflight(&server, AUTHENTICATE, &origin).await;
                    }
                });
            }
            let admin = format!("/admin/v1/environments/{}/cors_origins", t.environment.id);
            t.operator().delete(format!("{admin}/{}", made["id"].as_str().unwrap())).await.no_content();
            for server in [&there, &t] {
                assert_silent(&preflight(server, AUTHENTICATE, &origin).await);
            }
            stop.store(true, Ordering::Relaxed);
            pages.join_all().await;
        }
    });
}

#[test]
fn an_origin_that_an_environment_takes_with_it_is_answered_no_more() {
    story(async |t| {
        let (origin, doomed) = (own(&t), t.neighbour().await);
        doomed.post(ALL, json!({ "origin": origin })).await.created();
        assert_eq!(preflight(&t, AUTHENTICATE, &origin).await.status.as_u16(), 204);
        t.operator().delete(format!("/admin/v1/environments/{}", doomed.environment.id)).await.no_content();
        assert_silent(&preflight(&t, AUTHENTICATE, &origin).await);
    });
}

/// Whoever goes past the server waits for nothing: so it shows that the database is not asked each time.
#[test]
fn an_origin_is_remembered_for_a_moment_and_forgotten_by_itself() {
    story(async |t| {
        let origin = own(&t);
        until("it is remembered", async || {
            t.post(ALL, json!({ "origin": origin })).await.created();
            assert_eq!(preflight(&t, AUTHENTICATE, &origin).await.status.as_u16(), 204);
            let delete = sqlx::query("delete from cors_origins where origin = $1").bind(&origin);
            delete.execute(t.app.database().pool()).await.unwrap();
            preflight(&t, AUTHENTICATE, &origin).await.status.as_u16() == 204
        })
        .await;
        // However often it asks meanwhile.
        until("it is forgotten", async || preflight(&t, AUTHENTICATE, &origin).await.status.as_u16() == 405).await;
    });
}

#[test]
fn routes_with_a_key_and_health_answer_no_page() {
    story(async |t| {
        let origin = own(&t);
        t.post(ALL, json!({ "origin": origin })).await.created();
        for route in app::routes().table() {
            if route.access != Access::Public || route.family == "health" {
                assert_silent(&preflight(&t, &route.path.replace(['{', '}'], ""), &origin).await);
            }
        }
        let request = Request::builder().uri("/organizations").header("origin", &origin).body(Body::empty()).unwrap();
        let answer = t.call(request).await;
        assert_silent(&answer);
        answer.ok();
        assert_silent(&browse(&t, Method::GET, "/livez", &origin, &[]).await);
        assert_silent(&browse(&t, Method::GET, "/nowhere", &origin, &[]).await);
    });
}
