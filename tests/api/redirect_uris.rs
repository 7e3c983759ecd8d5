//! Redirect URIs.

use serde_json::{Value, json};

use crate::harness::{Answer, Test, story};

const ALL: &str = "/user_management/redirect_uris";

async fn make(t: &Test, uri: &str) -> Answer {
    t.post(ALL, json!({ "uri": uri })).await
}

fn path(redirect: &Value) -> String {
    format!("{ALL}/{}", redirect["id"].as_str().unwrap())
}

/// The addresses of the environment that are the default.
async fn defaults(t: &Test) -> Vec<String> {
    let rows = t.pages(ALL).await;
    let default = rows.iter().filter(|row| row["default"] == true);
    default.map(|row| row["uri"].as_str().unwrap().to_owned()).collect()
}

/// A server that is not one for development, as it is when it is real.
async fn real(t: &Test) -> Test {
    Test::with(|parts| parts.development = false).await.joined(t)
}

#[test]
fn the_first_one_is_the_default_until_another_is_made_it() {
    story(async |t| {
        let first = make(&t, "https://app.example.com/callback").await.created();
        assert_eq!((&first["object"], &first["default"]), (&json!("redirect_uri"), &json!(true)));
        assert!(first["id"].as_str().unwrap().starts_with("redir_"));
        let second = make(&t, "https://app.example.com/other").await.created();
        assert_eq!(second["default"], false);
        let body = json!({ "uri": "https://app.example.com/third", "default": true });
        t.post(ALL, body).await.created();
        assert_eq!(defaults(&t).await, ["https://app.example.com/third"]);

        let admin = format!("/admin/v1/environments/{}/redirect_uris/default", t.environment.id);
        let chosen = t.operator().put(&admin, json!({ "id": second["id"] })).await.ok();
        assert_eq!((&chosen["id"], &chosen["default"]), (&second["id"], &json!(true)));
        assert_eq!(t.operator().put(&admin, json!({ "id": second["id"] })).await.ok(), chosen);
        assert_eq!(defaults(&t).await, ["https://app.example.com/other"]);
        t.operator().put(&admin, json!({ "id": "redir_nowhere" })).await.missing();
    });
}

#[test]
fn the_default_cannot_be_deleted_and_the_others_can() {
    story(async |t| {
        let first = make(&t, "https://app.example.com/a").await.created();
        let second = make(&t, "https://app.example.com/b").await.created();
        let refused = t.delete(path(&first)).await.fails(409, "default_redirect_uri");
        assert_eq!(refused["message"], "Cannot delete the default redirect URI.");
        t.neighbour().await.delete(path(&second)).await.missing();
        t.delete(path(&second)).await.no_content();
        t.delete(path(&second)).await.missing();
        assert_eq!(t.pages(ALL).await, [first]);
    });
}

#[test]
fn an_address_is_known_once_in_an_environment() {
    story(async |t| {
        make(&t, "https://app.example.com/a").await.created();
        let refused = make(&t, "https://app.example.com/a").await.fails(422, "redirect_uri_already_exists");
        assert_eq!(refused["message"], "Redirect URI 'https://app.example.com/a' already exists.");
        make(&t.neighbour().await, "https://app.example.com/a").await.created();
    });
}

#[test]
fn what_sign_in_may_lead_back_to() {
    story(async |t| {
        let t = real(&t).await;
        for uri in [
            "https://app.example.com",
            "https://app.example.com:8443/callback?tenant=1",
            "http://localhost:3000/callback",
            "http://127.0.0.1/callback",
            "http://[::1]:3000/callback",
            "http://app.localhost/callback",
            "http://localhost:*/callback",
            "https://127.0.0.1:*",
            "https://*.example.com/callback",
            "https://pr-*-web.example.com/callback",
            "http://*.localhost:3000/callback",
            "com.example.app:/callback",
            "myapp://callback",
        ] {
            make(&t, uri).await.created();
        }
    });
}

#[test]
fn what_sign_in_may_not_lead_back_to() {
    story(async |t| {
        let t = real(&t).await;
        let long = format!("https://app.example.com/{}", "a".repeat(2048));
        for uri in [
            "",
            "callback",
            "/callback",
            "http://app.example.com/callback",
            "https://app.example.com/#fragment",
            "https://app.example.com/#",
            "https://user@app.example.com/",
            "https://user:password@app.example.com/",
            "https://app.example.com/a b",
            "https://app.example.com/\r\nSet-Cookie: a=b",
            "https://app.example.com\\@evil.example/",
            "https://müller.example/",
            "https://*.*.example.com/",
            "https://app.*.example.com/",
            "https://*.com/",
            "https://*.co.uk/",
            "https://*.github.io/",
            "https://*",
            "https://app.example.com:*/",
            "https://app.example.com/*",
            "https://app.example.com/?next=*",
            "myapp://*",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,a",
            "file:///etc/passwd",
            "https:",
            &long,
        ] {
            make(&t, uri).await.invalid(&["uri"]);
        }
        assert_eq!(t.pages(ALL).await.len(), 0);
    });
}

#[test]
fn plain_http_leads_anywhere_on_a_server_for_development() {
    story(async |t| {
        make(&t, "http://app.example.com/callback").await.created();
        make(&real(&t).await, "http://app.example.com/other").await.invalid(&["uri"]);
    });
}

#[test]
fn an_address_that_stands_for_many_is_never_the_default() {
    story(async |t| {
        let many = make(&t, "https://*.example.com/callback").await.created();
        assert_eq!(many["default"], false);
        t.post(ALL, json!({ "uri": "https://*.example.org", "default": true })).await.invalid(&["default"]);
        let admin = format!("/admin/v1/environments/{}/redirect_uris/default", t.environment.id);
        t.operator().put(admin, json!({ "id": many["id"] })).await.invalid(&["default"]);
        assert_eq!(make(&t, "https://app.example.com").await.created()["default"], true);
    });
}

#[test]
fn of_many_made_at_once_one_is_the_default() {
    story(async |t| {
        let uris: Vec<_> = (0..8).map(|n| format!("https://app.example.com/{n}")).collect();
        let answers = futures_util::future::join_all(uris.iter().map(|uri| make(&t, uri))).await;
        answers.into_iter().for_each(|answer| drop(answer.created()));
        assert_eq!(defaults(&t).await.len(), 1);
        let body = |n: usize| json!({ "uri": format!("https://app.example.org/{n}"), "default": true });
        let answers = futures_util::future::join_all((0..8).map(|n| t.post(ALL, body(n)))).await;
        answers.into_iter().for_each(|answer| drop(answer.created()));
        assert_eq!(defaults(&t).await.len(), 1);
    });
}

#[test]
fn a_default_that_is_deleted_while_it_becomes_one_is_either_there_or_not() {
    story(async |t| {
        make(&t, "https://app.example.com/first").await.created();
        let admin = format!("/admin/v1/environments/{}/redirect_uris/default", t.environment.id);
        for n in 0..6 {
            let other = make(&t, &format!("https://app.example.com/{n}")).await.created();
            let operator = t.operator();
            let (chosen, deleted) =
                tokio::join!(operator.put(&admin, json!({ "id": other["id"] })), t.delete(path(&other)));
            match (chosen.status.as_u16(), deleted.status.as_u16()) {
                (200, 409) | (404, 204) => {}
                outcome => panic!("{outcome:?}"),
            }
            assert_eq!(defaults(&t).await.len(), 1);
        }
    });
}
