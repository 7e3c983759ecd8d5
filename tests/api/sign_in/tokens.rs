//! What a sign-in gives: the session, and tokens that tell who it is.

use serde_json::json;

use super::keys;
use crate::harness::{PASSWORD, story};

#[test]
fn a_user_signs_in_and_is_told_apart_by_the_token() {
    story(async |t| {
        let user = t.person("Ann@Example.com").await;
        let path = format!("/user_management/users/{}", user["id"].as_str().unwrap());
        t.put(&path, json!({ "metadata": { "plan": "secret" } })).await.ok();
        let before = t.get(&path).await.ok();
        let body = json!({ "email": " ann@example.COM", "password": PASSWORD, "ip_address": "192.0.2.7",
            "user_agent": "Browser", "signals_id": "ignored" });
        let answer = t.grant("password", body).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let answer = answer.ok();
        assert_eq!(keys(&answer), ["access_token", "authentication_method", "refresh_token", "user"]);
        assert_eq!(answer["authentication_method"], "Password");

        // What sign-in shows is the user with the time of this sign-in, which is no change of theirs.
        let after = t.get(&path).await.ok();
        assert!(after["last_sign_in_at"].is_string());
        assert_eq!(after["updated_at"], before["updated_at"]);
        assert_eq!(after["metadata"], json!({ "plan": "secret" }));
        let mut shown = after.clone();
        shown["metadata"] = json!({});
        assert_eq!(answer["user"], shown);

        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!(keys(&claims), ["auth_time", "client_id", "exp", "iat", "iss", "jti", "sid", "sub"]);
        assert_eq!(claims["sub"], user["id"]);
        assert_eq!(claims["client_id"], t.environment.client_id.as_str());
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        assert_eq!(claims["auth_time"], claims["iat"]);
        assert!(claims["iat"].as_i64().unwrap() <= t.app.database().clock.now().seconds());
        assert_eq!(claims["jti"].as_str().unwrap().len(), 26);

        t.assert_events(&["user.created", "user.updated", "authentication.password_succeeded", "session.created"])
            .await;
        let events = t.events(&["authentication.password_succeeded", "session.created"]).await;
        assert_eq!(
            events[0]["data"],
            json!({ "type": "password", "status": "succeeded", "ip_address": "192.0.2.7", "user_agent": "Browser",
                "user_id": user["id"], "email": " ann@example.COM" })
        );
        assert_eq!(events[1]["data"]["id"], claims["sid"]);
        assert_eq!(events[1]["data"]["status"], "active");
    });
}

#[test]
fn a_member_of_one_organization_is_signed_in_to_it_with_its_roles_and_permissions() {
    story(async |t| {
        for slug in ["posts:read", "posts:write", "unused"] {
            t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created();
        }
        t.post("/authorization/roles", json!({ "slug": "editor", "name": "Editor" })).await.created();
        let permissions = json!({ "permissions": ["posts:write", "posts:read"] });
        t.put("/authorization/roles/editor/permissions", permissions).await.ok();
        let (user, organization) = (t.person("ann@example.com").await, t.organization("Acme").await);
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": "editor" });
        t.post("/user_management/organization_memberships", body).await.created();

        let answer = t.sign_in("ann@example.com").await;
        assert_eq!(answer["organization_id"], organization["id"]);
        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!(
            keys(&claims),
            [
                "auth_time",
                "client_id",
                "exp",
                "iat",
                "iss",
                "jti",
                "org_id",
                "permissions",
                "role",
                "roles",
                "sid",
                "sub"
            ]
        );
        assert_eq!(claims["org_id"], organization["id"]);
        assert_eq!((&claims["role"], &claims["roles"]), (&json!("editor"), &json!(["editor"])));
        assert_eq!(claims["permissions"], json!(["posts:read", "posts:write"]));
        let events = t.events(&["session.created"]).await;
        assert_eq!(events[0]["data"]["organization_id"], organization["id"]);
    });
}
