//! What a request to sign in must be, and what is refused.

use std::num::NonZeroU32;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use vestibule::http::limit::Limits;

use super::keys;
use crate::harness::{PASSWORD, SELECTION, Test, story};

#[test]
fn an_unknown_user_one_without_a_password_and_a_wrong_password_are_answered_alike() {
    story(async |t| {
        let ann = t.person("ann@example.com").await;
        let bob = t.user("bob@example.com").await;
        for email in ["ann@example.com", "bob@example.com", "nobody@example.com", "", "no address"] {
            let refused = t.grant("password", json!({ "email": email, "password": "wrong" })).await;
            let message = format!("Invalid credentials for '{email}'.");
            assert_eq!(
                refused.fails(400, "invalid_credentials"),
                json!({ "code": "invalid_credentials", "message": message })
            );
        }
        t.grant("password", json!({ "email": "ann@example.com", "password": "" }))
            .await
            .fails(400, "invalid_credentials");
        let events = t.events(&["authentication.password_failed"]).await;
        let users: Vec<_> = events.iter().map(|event| event["data"]["user_id"].clone()).collect();
        assert_eq!(
            users,
            [ann["id"].clone(), bob["id"].clone(), json!(null), json!(null), json!(null), ann["id"].clone()]
        );
        assert_eq!(
            events[2]["data"],
            json!({ "type": "password", "status": "failed", "ip_address": null, "user_agent": null, "user_id": null,
                "email": "nobody@example.com", "error": { "code": "invalid_credentials",
                "message": "Invalid credentials for 'nobody@example.com'." } })
        );
    });
}

#[test]
fn what_a_grant_needs_and_does_not_have_is_named() {
    story(async |t| {
        let id = &t.environment.client_id;
        let stranger = t.with_key("");
        let missing = async |body: Value, parameter: &str| {
            let refused = stranger.post("/user_management/authenticate", body).await.fails(400, "invalid_request");
            let description = format!("Missing required parameter: {parameter}.");
            assert_eq!(refused, json!({ "error": "invalid_request", "error_description": description }));
        };
        missing(json!({}), "client_id").await;
        missing(json!({ "client_id": id }), "grant_type").await;
        let password = json!({ "client_id": id, "grant_type": "password" });
        missing(password.clone(), "client_secret").await;
        let with = |body: &Value, key: &str, value: &str| {
            let mut body = body.clone();
            body[key] = json!(value);
            body
        };
        let password = with(&password, "client_secret", &t.key);
        missing(password.clone(), "email").await;
        missing(with(&password, "email", "ann@example.com"), "password").await;
        missing(with(&with(&password, "client_secret", ""), "email", "a@example.com"), "client_secret").await;
        let refresh = json!({ "client_id": id, "grant_type": "refresh_token" });
        missing(refresh, "refresh_token").await;
        let selection = with(&password, "grant_type", SELECTION);
        missing(selection.clone(), "pending_authentication_token").await;
        missing(with(&selection, "pending_authentication_token", "x"), "organization_id").await;

        let unknown = stranger.post("/user_management/authenticate", with(&password, "grant_type", "implicit")).await;
        unknown.fails(400, "invalid_request");
        let wrong = json!({ "client_id": id, "grant_type": 7, "email": "x".repeat(255) });
        stranger.post("/user_management/authenticate", wrong).await.invalid(&["grant_type"]);
        let request =
            |body: &'static str| Request::post("/user_management/authenticate").body(Body::from(body)).unwrap();
        stranger.call(request("{")).await.fails(400, "invalid_request");
    });
}

#[test]
fn a_client_must_know_its_own_secret() {
    story(async |t| {
        t.person("ann@example.com").await;
        let neighbour = t.neighbour().await;
        let enter = async |client_id: &str, secret: &str| {
            let body = json!({ "grant_type": "password", "client_id": client_id, "client_secret": secret,
                "email": "ann@example.com", "password": PASSWORD });
            // A good bearer token makes up for nothing.
            t.post("/user_management/authenticate", body).await
        };
        enter(&t.environment.client_id, &t.key).await.ok();
        let body = enter(&t.environment.client_id, "sk_wrong").await.fails(400, "invalid_client");
        assert_eq!(keys(&body), ["error", "error_description"]);
        assert_eq!(enter(&t.environment.client_id, &neighbour.key).await.fails(400, "invalid_client"), body);
        assert_eq!(enter(&neighbour.environment.client_id, &t.key).await.fails(400, "invalid_client"), body);
        enter("client_unknown", &t.key).await.fails(400, "invalid_client");
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 0);
    });
}

#[test]
fn a_user_of_another_environment_cannot_sign_in() {
    story(async |t| {
        t.person("ann@example.com").await;
        let neighbour = t.neighbour().await;
        neighbour.try_sign_in("ann@example.com").await.fails(400, "invalid_credentials");
        assert_eq!(neighbour.events(&["authentication.password_failed"]).await[0]["data"]["user_id"], json!(null));
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 0);
    });
}

#[test]
fn a_form_serves_as_well_and_a_bearer_token_may_be_there() {
    story(async |t| {
        t.person("ann@example.com").await;
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "password"),
                ("client_id", &t.environment.client_id),
                ("client_secret", &t.key),
                ("email", "ann@example.com"),
                ("password", PASSWORD),
            ])
            .finish();
        for bearer in ["Bearer", "Bearer ", "Bearer sk_of_nobody", &format!("Bearer {}", t.key)] {
            let request = Request::post("/user_management/authenticate")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::AUTHORIZATION, bearer)
                .body(Body::from(form.clone()));
            t.call(request.unwrap()).await.ok();
        }
    });
}

#[test]
fn attempts_are_counted_for_each_address_where_the_operator_says_so() {
    story(async |_| {
        let t = Test::with_limits(Limits::new(None, NonZeroU32::new(2))).await;
        t.person("ann@example.com").await;
        for email in ["ann@example.com", "ANN@example.com "] {
            t.grant("password", json!({ "email": email, "password": "wrong" })).await.fails(400, "invalid_credentials");
        }
        let refused = t.try_sign_in("ann@example.com").await;
        let seconds: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        let body = refused.fails(429, "too_many_requests");
        assert_eq!(keys(&body), ["error", "error_description"]);
        t.try_sign_in("bob@example.com").await.fails(400, "invalid_credentials");
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 3);
    });
}
