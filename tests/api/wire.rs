//! Requests to the letter, as the official SDKs for Go, Ruby, PHP and .NET write them.
//!
//! These SDKs do not run here. Each of them has its own way with lists in queries, with bodies that are empty and with
//! headers that say more than there is; whoever changes how requests are read learns here whom that would break.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use vestibule::body;
use vestibule::http::extract::{Json, Query};
use vestibule::http::{Routes, edge};
use vestibule::kernel::check::Check;

use crate::harness::{Answer, PASSWORD, Test, story};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";
const USERS: &str = "/user_management/users";

/// Sends exactly these headers, besides the key of the test, and exactly this body.
async fn send(t: &Test, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = Request::builder().method(method).uri(target);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    t.call(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Go: a content type on everything, a key of idempotency on every POST, parameters sorted by name.
async fn go(t: &Test, method: Method, target: &str, body: &str) -> Answer {
    let kind = ("content-type", "application/json");
    let agent = ("user-agent", "workos-go/10.1.1");
    let key = ("idempotency-key", "5ad6bd07-6a1f-4ef1-8b48-2ea1b3c0e7f1");
    let headers = if method == Method::POST { vec![kind, agent, key] } else { vec![kind, agent] };
    send(t, method, target, &headers, body).await
}

/// Ruby: a content type where a body could be, and there an empty text for none.
async fn ruby(t: &Test, method: Method, target: &str, body: &str) -> Answer {
    let writes = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let kind = writes.then_some(("content-type", "application/json"));
    let agent = ("user-agent", "WorkOS; ruby/3.3.0; x86_64-linux; v10.2.1");
    let every = [("accept-encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"), ("accept", "*/*"), agent];
    send(t, method, target, &every.into_iter().chain(kind).collect::<Vec<_>>(), body).await
}

/// PHP: a content type on everything, lists with their indexes.
async fn php(t: &Test, method: Method, target: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("user-agent", "WorkOS PHP/7.1.0")];
    send(t, method, target, &headers, body).await
}

/// .NET: an object for every body, lists with brackets, an encoding that is none.
async fn dotnet(t: &Test, method: Method, target: &str, body: &str) -> Answer {
    let mut headers = vec![("accept-encoding", "utf-8"), ("user-agent", "workos-dotnet/4.2.0")];
    if method == Method::POST {
        headers.push(("idempotency-key", "0b3b0f6e-7a5c-4c6b-93a5-6f0a3b8b9d10"));
    }
    if ![Method::GET, Method::DELETE].contains(&method) {
        headers.push(("content-type", "application/json"));
    }
    send(t, method, target, &headers, body).await
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// The values of a key in a list, in its order.
fn column(list: &Value, key: &str) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|row| row[key].as_str().unwrap().to_owned()).collect()
}

/// Three organizations, each with a domain of its name.
async fn organizations(t: &Test) {
    for name in ["one", "two", "three"] {
        t.post("/organizations", json!({ "name": name, "domains": [format!("{name}.test")] })).await.created();
    }
}

/// A membership, by its path.
async fn membership(t: &Test) -> String {
    let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
    let body = json!({ "user_id": id(&user), "organization_id": id(&organization) });
    format!("{MEMBERSHIPS}/{}", id(&t.post(MEMBERSHIPS, body).await.created()))
}

#[test]
fn each_sdk_writes_lists_in_queries_its_own_way() {
    story(async |t| {
        organizations(&t).await;
        let asked = [
            go(&t, Method::GET, "/organizations?domains=one.test&domains=two.test&limit=10&order=desc", "").await,
            ruby(&t, Method::GET, "/organizations?limit=10&order=desc&domains=one.test&domains=two.test", "").await,
            php(&t, Method::GET, "/organizations?order=desc&domains%5B0%5D=one.test&domains%5B1%5D=two.test", "").await,
            dotnet(&t, Method::GET, "/organizations?domains[]=one.test&domains[]=two.test&order=desc", "").await,
        ];
        for answer in asked {
            assert_eq!(column(&answer.ok(), "name"), ["two", "one"]);
        }

        t.settle().await;
        let (created, verified) = ("organization.created", "organization_domain.verified");
        let two = format!("events={created}&events={verified}&limit=10&order=desc");
        let indexed = format!("order=desc&events%5B0%5D={created}&events%5B1%5D={verified}");
        let bracketed = format!("events[]={created}&events[]={verified}&range_start=2020-01-01T00:00:00Z&order=desc");
        let asked = [
            go(&t, Method::GET, &format!("/events?{two}"), "").await,
            ruby(&t, Method::GET, &format!("/events?{two}"), "").await,
            php(&t, Method::GET, &format!("/events?{indexed}"), "").await,
            dotnet(&t, Method::GET, &format!("/events?{bracketed}"), "").await,
        ];
        for answer in asked {
            assert_eq!(column(&answer.ok(), "event"), [created, verified].repeat(3));
        }
    });
}

#[test]
fn a_list_of_one_is_a_list_in_every_way() {
    story(async |t| {
        organizations(&t).await;
        for query in ["domains=two.test", "domains%5B0%5D=two.test", "domains[]=two.test", "domains%5B%5D=two.test"] {
            let found = send(&t, Method::GET, &format!("/organizations?{query}"), &[], "").await.ok();
            assert_eq!(column(&found, "name"), ["two"], "{query}");
        }
    });
}

#[test]
fn statuses_are_a_list_of_words_in_every_way() {
    story(async |t| {
        let path = membership(&t).await;
        let membership = t.put(format!("{path}/deactivate"), json!({})).await.ok();
        let user = membership["user_id"].as_str().unwrap();
        let repeated = format!("limit=10&order=desc&statuses=inactive&statuses=pending&user_id={user}");
        let indexed = format!("order=desc&statuses%5B0%5D=inactive&user_id={user}");
        let bracketed = format!("user_id={user}&statuses[]=active&statuses[]=inactive&order=desc");
        let asked = [
            go(&t, Method::GET, &format!("{MEMBERSHIPS}?{repeated}"), "").await,
            ruby(&t, Method::GET, &format!("{MEMBERSHIPS}?{repeated}"), "").await,
            php(&t, Method::GET, &format!("{MEMBERSHIPS}?{indexed}"), "").await,
            dotnet(&t, Method::GET, &format!("{MEMBERSHIPS}?{bracketed}"), "").await,
        ];
        for answer in asked {
            assert_eq!(column(&answer.ok(), "id"), [id(&membership)]);
        }
    });
}

#[test]
fn pages_are_walked_as_each_sdk_walks_them() {
    story(async |t| {
        organizations(&t).await;
        let first = go(&t, Method::GET, "/organizations?limit=2&order=desc", "").await.ok();
        assert_eq!(column(&first, "name"), ["three", "two"]);
        let after = first["list_metadata"]["after"].as_str().unwrap();
        let second = go(&t, Method::GET, &format!("/organizations?after={after}&limit=2&order=desc"), "").await.ok();
        assert_eq!(
            (column(&second, "name"), &second["list_metadata"]["after"]),
            (vec!["one".to_owned()], &Value::Null)
        );
        // PHP sends no limit unless it is told one, and .NET names the cursor before it.
        let second = php(&t, Method::GET, &format!("/organizations?order=desc&after={after}"), "").await.ok();
        assert_eq!(column(&second, "name"), ["one"]);
        let second =
            dotnet(&t, Method::GET, &format!("/organizations?after={after}&limit=2&order=desc"), "").await.ok();
        assert_eq!(column(&second, "name"), ["one"]);
    });
}

#[test]
fn what_has_no_body_has_an_empty_one_in_four_ways() {
    story(async |t| {
        let path = membership(&t).await;
        let (rest, back) = (format!("{path}/deactivate"), format!("{path}/reactivate"));
        for _ in 0..2 {
            // Nothing under a content type (Go, PHP), an empty text (Ruby), an empty object (.NET, Node), nothing (Rust).
            assert_eq!(go(&t, Method::PUT, &rest, "").await.ok()["status"], "inactive");
            assert_eq!(ruby(&t, Method::PUT, &back, "").await.ok()["status"], "active");
            assert_eq!(php(&t, Method::PUT, &rest, "").await.ok()["status"], "inactive");
            assert_eq!(dotnet(&t, Method::PUT, &back, "{}").await.ok()["status"], "active");
            assert_eq!(send(&t, Method::PUT, &rest, &[], "").await.ok()["status"], "inactive");
            assert_eq!(send(&t, Method::PUT, &back, &[("content-length", "0")], "").await.ok()["status"], "active");
        }
        // An update that changes nothing is an empty object to PHP too, not an empty list.
        assert_eq!(php(&t, Method::PUT, &path, "{}").await.ok()["status"], "active");
        go(&t, Method::DELETE, &path, "").await.done();
        php(&t, Method::DELETE, &path, "").await.missing();
        dotnet(&t, Method::DELETE, &path, "").await.missing();
        ruby(&t, Method::DELETE, &path, "").await.missing();
    });
}

#[test]
fn a_key_of_idempotency_makes_no_two_requests_one() {
    story(async |t| {
        let mut made = Vec::new();
        for _ in 0..2 {
            made.push(go(&t, Method::POST, "/organizations", r#"{"name":"Twice"}"#).await.created());
            made.push(dotnet(&t, Method::POST, "/organizations", r#"{"name":"Twice"}"#).await.created());
        }
        let twice = t.pages("/organizations?order=asc").await;
        assert_eq!(twice, made);
        // The second creation of a thing that there can be once is refused, not answered with the first.
        let body = r#"{"email":"ann@example.com"}"#;
        go(&t, Method::POST, USERS, body).await.created();
        go(&t, Method::POST, USERS, body).await.fails(400, "user_creation_error");
    });
}

#[test]
fn null_clears_and_absence_keeps() {
    story(async |t| {
        let body = r#"{"name":"Acme","metadata":{"tier":"gold"},"external_id":"acme"}"#;
        let made = ruby(&t, Method::POST, "/organizations", body).await.created();
        let path = format!("/organizations/{}", id(&made));
        let kept = dotnet(&t, Method::PUT, &path, r#"{"name":"Acme Ltd"}"#).await.ok();
        assert_eq!((&kept["external_id"], &kept["metadata"]), (&made["external_id"], &made["metadata"]));
        // Go names what it clears, and sorts it in between.
        let cleared = go(&t, Method::PUT, &path, r#"{"external_id":null,"metadata":null,"name":"Acme"}"#).await.ok();
        assert_eq!((&cleared["external_id"], &cleared["metadata"]), (&Value::Null, &json!({})));
    });
}

#[test]
fn text_is_escaped_as_each_sdk_escapes_it() {
    story(async |t| {
        let body = r#"{"name":"Caf\u00e9 \ud83d\ude00 a\/b","external_id":"a\/b c+d"}"#;
        let made = php(&t, Method::POST, "/organizations", body).await.created();
        assert_eq!((&made["name"], &made["external_id"]), (&json!("Café 😀 a/b"), &json!("a/b c+d")));
        for segment in ["a%2Fb%20c%2Bd", "a%2Fb%20c+d", "a%2fb%20c%2bd"] {
            let found = go(&t, Method::GET, &format!("/organizations/external_id/{segment}"), "").await.ok();
            assert_eq!(found, made, "{segment}");
        }
        for query in ["search=Caf%C3%A9+%F0%9F%98%80", "search=Caf%C3%A9%20%F0%9F%98%80", "search=a%2Fb", "search=a/b"]
        {
            let found = php(&t, Method::GET, &format!("/organizations?order=desc&{query}"), "").await.ok();
            assert_eq!(found["data"], json!([made]), "{query}");
        }
        let user = t.user("ann+lee@example.com").await;
        for query in ["email=ann%2Blee@example.com", "email=ann%2Blee%40example.com"] {
            let found = dotnet(&t, Method::GET, &format!("{USERS}?{query}&order=desc"), "").await.ok();
            assert_eq!(found["data"], json!([user]), "{query}");
        }
    });
}

#[test]
fn roles_and_checks_are_asked_as_each_sdk_asks() {
    story(async |t| {
        let path = membership(&t).await;
        let member = t.get(&path).await.ok();
        go(&t, Method::POST, "/authorization/permissions", r#"{"slug":"posts:write","name":"Write"}"#).await.created();
        let body = r#"{"slug":"editor","name":"Editor","description":null}"#;
        ruby(&t, Method::POST, "/authorization/roles", body).await.created();
        let body = r#"{"permissions":["posts:write"]}"#;
        dotnet(&t, Method::PUT, "/authorization/roles/editor/permissions", body).await.ok();
        let changed = php(&t, Method::PUT, &path, r#"{"role_slug":"editor"}"#).await.ok();
        assert_eq!(changed["role"]["slug"], "editor");

        let organization = member["organization_id"].as_str().unwrap();
        let target = format!("/authorization/organization_memberships/{}/check", id(&member));
        let body = format!(
            r#"{{"permission_slug":"posts:write","resource_external_id":"{organization}","resource_type_slug":"organization"}}"#
        );
        let allowed = json!({ "authorized": true });
        assert_eq!(go(&t, Method::POST, &target, &body).await.ok(), allowed);
        assert_eq!(ruby(&t, Method::POST, &target, &body).await.ok(), allowed);
        assert_eq!(php(&t, Method::POST, &target, &body).await.ok(), allowed);
        assert_eq!(dotnet(&t, Method::POST, &target, &body).await.ok(), allowed);
    });
}

#[test]
fn a_password_is_sent_as_each_sdk_sends_it() {
    story(async |t| {
        t.person("ann@example.com").await;
        let (client, secret) = (&t.environment.client_id, &t.key);
        let body = format!(
            r#"{{"grant_type":"password","client_id":"{client}","client_secret":"{secret}","email":"ann@example.com","password":"{PASSWORD}"}}"#
        );
        let target = "/user_management/authenticate";
        let mut tokens = Vec::new();
        for answer in [
            go(&t, Method::POST, target, &body).await,
            ruby(&t, Method::POST, target, &body).await,
            php(&t, Method::POST, target, &body).await,
            dotnet(&t, Method::POST, target, &body).await,
        ] {
            tokens.push(answer.ok()["refresh_token"].as_str().unwrap().to_owned());
        }
        // One key of idempotency, and yet a session each.
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), 4);

        // A client without a secret: nothing after the word, nothing but the word, no header at all.
        let nobody = t.with_key("");
        for (headers, token) in
            [&[("authorization", "Bearer ")][..], &[("authorization", "Bearer")], &[]].iter().zip(&tokens)
        {
            let body = format!(
                r#"{{"grant_type":"refresh_token","client_id":"{client}","refresh_token":"{token}","organization_id":null}}"#
            );
            let headers = [&[("content-type", "application/json")], *headers].concat();
            send(&nobody, Method::POST, target, &headers, &body).await.ok();
        }
        let form = format!("grant_type=refresh_token&client_id={client}&refresh_token={}", tokens[3]);
        let kind = ("content-type", "application/x-www-form-urlencoded;charset=utf-8");
        send(&nobody, Method::POST, target, &[kind], &form).await.ok();
    });
}

#[test]
fn what_is_public_does_not_mind_a_header_that_says_nothing() {
    story(async |t| {
        let nobody = t.with_key("");
        let target = format!("/sso/jwks/{}", t.environment.client_id);
        let keys = nobody.get(&target).await.ok();
        for value in ["Bearer ", "Bearer", "", "Bearer sk_of_nobody", "Basic Og=="] {
            let headers = [("authorization", value), ("content-type", "application/json")];
            assert_eq!(send(&nobody, Method::GET, &target, &headers, "").await.ok(), keys, "{value}");
        }
    });
}

#[test]
fn a_session_is_revoked_without_a_word() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        t.sign_in("ann@example.com").await;
        let sessions = format!("{USERS}/{}/sessions", id(&user));
        let listed = ruby(&t, Method::GET, &format!("{sessions}?limit=10&order=desc"), "").await.ok();
        let body = json!({ "session_id": listed["data"][0]["id"] }).to_string();
        let revoked = go(&t, Method::POST, "/user_management/sessions/revoke", &body).await;
        // The Node SDK reads whatever calls itself JSON, also where there is nothing to read.
        assert_eq!(revoked.headers.get("content-type"), None);
        revoked.done();
        let left = php(&t, Method::GET, &format!("{sessions}?order=desc"), "").await.ok();
        assert_eq!(left["data"], json!([]));
    });
}

body! {
    struct Flags {
        cascade_delete: Option<bool>,
    }
}

impl Check for Flags {}

/// No route has a flag in its query yet; PHP will write it as a number.
#[test]
fn a_flag_of_a_query_is_a_word_or_a_number() {
    let flags = Routes::family("flags").get("/flags", async |Query(flags): Query<Flags>| Json(flags.cascade_delete));
    story(async |t| {
        let service = edge::surround(flags, t.app.clone());
        for (query, flag) in
            [("=1", json!(true)), ("=0", json!(false)), ("=true", json!(true)), ("=false", json!(false))]
        {
            let request = Request::get(format!("/flags?cascade_delete{query}")).body(Body::empty()).unwrap();
            let response = tower::ServiceExt::oneshot(service.clone(), request).await.unwrap();
            assert_eq!(Answer::read(query.to_owned(), response).await.ok(), flag);
        }
    });
}
