//! Resources that tokens can be asked for.

use serde_json::{Value, json};

use crate::harness::{Test, story};

const ALL: &str = "/user_management/authkit_oauth_resources";

async fn defaults(t: &Test) -> Vec<Value> {
    let rows = t.pages(ALL).await;
    rows.into_iter().filter(|row| row["default"] == true).map(|row| row["uri"].clone()).collect()
}

#[test]
fn a_resource_is_made_listed_and_deleted() {
    story(async |t| {
        let made = t.post(ALL, json!({ "uri": "https://mcp.example.com/v1" })).await.created();
        assert_eq!((&made["object"], &made["default"]), (&json!("authkit_oauth_resource"), &json!(false)));
        assert!(made["id"].as_str().unwrap().starts_with("authkit_oauth_resource_"));
        t.post(ALL, json!({ "uri": "https://mcp.example.com/v1" })).await.fails(422, "resource_already_exists");
        assert_eq!(t.pages(ALL).await, std::slice::from_ref(&made));
        let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
        t.neighbour().await.delete(&path).await.missing();
        t.delete(&path).await.no_content();
        t.delete(&path).await.missing();
    });
}

#[test]
fn a_new_default_takes_the_place_of_the_old_one() {
    story(async |t| {
        let first = t.post(ALL, json!({ "uri": "https://a.example.com", "default": true })).await.created();
        assert_eq!(first["default"], true);
        t.post(ALL, json!({ "uri": "https://b.example.com", "default": true })).await.created();
        assert_eq!(defaults(&t).await, ["https://b.example.com"]);
        let admin = format!("/admin/v1/environments/{}/oauth_resources/default", t.environment.id);
        t.operator().put(&admin, json!({ "id": first["id"] })).await.ok();
        assert_eq!(defaults(&t).await, ["https://a.example.com"]);
        // Nothing needs to be the default here.
        t.delete(format!("{ALL}/{}", first["id"].as_str().unwrap())).await.no_content();
        assert_eq!(defaults(&t).await, [] as [&str; 0]);
    });
}

#[test]
fn of_many_defaults_made_at_once_one_stays() {
    story(async |t| {
        let body = |n: usize| json!({ "uri": format!("https://mcp.example.com/{n}"), "default": true });
        let answers = futures_util::future::join_all((0..8).map(|n| t.post(ALL, body(n)))).await;
        answers.into_iter().for_each(|answer| drop(answer.created()));
        assert_eq!(defaults(&t).await.len(), 1);
    });
}

#[test]
fn a_resource_is_an_address_or_a_pattern_of_few_forms() {
    story(async |t| {
        let t = Test::with(|parts| parts.development = false).await.joined(&t);
        for uri in [
            "https://*.example.com",
            "https://mcp.example.com/*",
            "https://mcp.example.com/v1/*",
            "http://localhost:1/",
        ] {
            t.post(ALL, json!({ "uri": uri })).await.created();
        }
        for uri in [
            "mcp.example.com",
            "myapp://mcp",
            "http://mcp.example.com",
            "https://mcp.example.com/#x",
            "https://mcp.example.com/*/v1",
            "https://mcp.example.com/*?a=b",
            "https://mcp.*.com/",
            "https://*.co.uk/",
            "http://localhost:*/",
            "https://*.example.com/*",
        ] {
            t.post(ALL, json!({ "uri": uri })).await.invalid(&["uri"]);
        }
        t.post(ALL, json!({ "uri": "https://*.example.org", "default": true })).await.invalid(&["default"]);
    });
}
