//! Permissions.

use serde_json::{Value, json};

use crate::harness::{Test, story};

/// A new permission of this slug.
async fn permission(t: &Test, slug: &str) -> Value {
    t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created()
}

#[test]
fn a_permission_is_made_found_changed_and_deleted() {
    story(async |t| {
        let body = json!({ "slug": "docs:*.read_v-2", "name": " Read ", "description": "Reading" });
        let made = t.post("/authorization/permissions", body).await.created();
        assert!(made["id"].as_str().unwrap().starts_with("perm_"));
        assert_eq!(made["object"], "permission");
        assert_eq!(made["name"], "Read");
        assert_eq!(made["system"], false);
        assert_eq!(made["resource_type_slug"], "organization");
        let path = "/authorization/permissions/docs:*.read_v-2";
        assert_eq!(t.get(path).await.ok(), made);

        let changed = t.patch(path, json!({ "description": null })).await.ok();
        assert_eq!(changed["name"], "Read");
        assert_eq!(changed["description"], Value::Null);
        assert_eq!(t.patch(path, json!({ "name": "Read", "description": null })).await.ok(), changed);
        assert_eq!(t.patch(path, json!({})).await.ok(), changed);

        t.delete(path).await.no_content();
        t.get(path).await.missing();
        t.patch(path, json!({ "name": "X" })).await.missing();
        t.delete(path).await.missing();
        t.assert_events(&["permission.created", "permission.updated", "permission.deleted"]).await;
        let events = t.events(&["permission.created", "permission.updated", "permission.deleted"]).await;
        assert_eq!(events[0]["data"], made);
        assert_eq!(events[1]["data"], changed);
        assert_eq!(events[2]["data"], changed);
    });
}

#[test]
fn the_permissions_of_the_server_are_there_and_stay_as_they_are() {
    story(async |t| {
        let seeded = t.pages("/authorization/permissions?limit=3").await;
        let system: Vec<_> = seeded.iter().filter(|permission| permission["system"] == true).collect();
        assert_eq!(system.len(), 7);
        let path = "/authorization/permissions/widgets:users-table:manage";
        let before = t.get(path).await.ok();
        t.patch(path, json!({ "name": "Mine" })).await.fails(403, "system_permission");
        t.delete(path).await.fails(403, "system_permission");
        assert_eq!(t.get(path).await.ok(), before);
        assert_eq!(
            t.events(&["permission.created", "permission.updated", "permission.deleted"]).await,
            [] as [Value; 0]
        );
    });
}

#[test]
fn a_permission_slug_is_unique_within_the_environment() {
    story(async |t| {
        permission(&t, "docs:read").await;
        let body = json!({ "slug": "docs:read", "name": "Again" });
        let again = t.post("/authorization/permissions", body.clone()).await.fails(409, "permission_slug_conflict");
        assert!(again["message"].as_str().unwrap().contains("already exists"));
        let other = t.neighbour().await;
        other.get("/authorization/permissions/docs:read").await.missing();
        other.patch("/authorization/permissions/docs:read", json!({ "name": "X" })).await.missing();
        other.delete("/authorization/permissions/docs:read").await.missing();
        other.post("/authorization/permissions", body).await.created();
    });
}

#[test]
fn of_two_permissions_made_at_once_under_one_slug_one_is_refused() {
    story(async |t| {
        let make = || t.post("/authorization/permissions", json!({ "slug": "one", "name": "One" }));
        let (a, b, c) = tokio::join!(make(), make(), make());
        let mut statuses = [a, b, c].map(|answer| answer.status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409]);
        t.assert_events(&["permission.created"]).await;
    });
}

#[test]
fn faults_of_a_permission_are_named() {
    story(async |t| {
        let path = "/authorization/permissions";
        t.post(path, json!({})).await.invalid(&["slug", "name"]);
        let long = "x".repeat(49);
        for slug in ["", "Upper", "with space", "ünï", &long] {
            t.post(path, json!({ "slug": slug, "name": "X" })).await.invalid(&["slug"]);
        }
        let body = json!({ "slug": "x", "name": long, "description": "x".repeat(151) });
        t.post(path, body).await.invalid(&["name", "description"]);
        permission(&t, "x").await;
        let body = json!({ "name": " ", "description": "x".repeat(151) });
        t.patch("/authorization/permissions/x", body).await.invalid(&["name", "description"]);
        let body = json!({ "slug": "y", "name": "Y", "resource_type_slug": "planet" });
        t.post(path, body).await.missing();
    });
}

#[test]
fn a_deleted_permission_leaves_the_roles_that_had_it() {
    story(async |t| {
        permission(&t, "keep").await;
        permission(&t, "drop").await;
        let organization = t.organization("Acme").await;
        let roles = format!("/authorization/organizations/{}/roles", organization["id"].as_str().unwrap());
        t.post(&roles, json!({ "slug": "org-x", "name": "X" })).await.created();
        t.put(format!("{roles}/org-x/permissions"), json!({ "permissions": ["drop"] })).await.ok();
        t.put("/authorization/roles/member/permissions", json!({ "permissions": ["keep", "drop"] })).await.ok();
        t.post("/authorization/roles", json!({ "slug": "other", "name": "Other" })).await.created();

        t.delete("/authorization/permissions/drop").await.no_content();
        assert_eq!(t.get("/authorization/roles/member").await.ok()["permissions"], json!(["keep"]));
        assert_eq!(t.get(format!("{roles}/org-x")).await.ok()["permissions"], json!([]));
        t.assert_events(&[
            "permission.created",
            "permission.created",
            "organization_role.created",
            "organization_role.updated",
            "role.updated",
            "role.created",
            "role.updated",
            "organization_role.updated",
            "permission.deleted",
        ])
        .await;
        let events = t.events(&["role.updated", "organization_role.updated"]).await;
        let shown: Vec<_> = events.iter().map(|event| event["data"]["permissions"].clone()).collect();
        assert_eq!(shown, [json!(["drop"]), json!(["drop", "keep"]), json!(["keep"]), json!([])]);
    });
}
