//! Types of resources: what may stand below what.

use serde_json::{Value, json};

use crate::harness::{Test, story};

async fn change(t: &Test, slug: &str, body: Value) -> crate::harness::Answer {
    t.operator().patch(format!("{}/{slug}", t.resource_types()), body).await
}

async fn delete(t: &Test, slug: &str) -> crate::harness::Answer {
    t.operator().delete(format!("{}/{slug}", t.resource_types())).await
}

/// Tries to make a type with these parents.
async fn make(t: &Test, slug: &str, parents: &[&str]) -> crate::harness::Answer {
    let body = json!({ "slug": slug, "name": slug, "parents": parents });
    t.operator().post(t.resource_types(), body).await
}

#[test]
fn a_type_is_made_found_changed_and_deleted() {
    story(async |t| {
        let body = json!({ "slug": "work_space-1", "name": " Workspace ", "description": "Rooms" });
        let made = t.operator().post(t.resource_types(), body.clone()).await.created();
        let keys: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 6, "{keys:?}");
        assert_eq!((&made["name"], &made["parents"]), (&json!("Workspace"), &json!(["organization"])));
        let one = format!("{}/work_space-1", t.resource_types());
        assert_eq!(t.operator().get(&one).await.ok(), made);
        t.operator().post(t.resource_types(), body).await.fails(409, "resource_type_slug_conflict");

        let changed = change(&t, "work_space-1", json!({ "name": "Room", "description": null })).await.ok();
        assert_eq!((&changed["name"], &changed["description"]), (&json!("Room"), &Value::Null));
        assert_eq!(change(&t, "work_space-1", json!({ "name": "Room" })).await.ok(), changed);
        let list = t.operator().get(t.resource_types()).await.ok();
        let slugs: Vec<_> = list["data"].as_array().unwrap().iter().map(|kind| kind["slug"].clone()).collect();
        assert_eq!(slugs, ["organization", "work_space-1"]);
        assert_eq!(list["data"][0]["parents"], json!([]));

        // Nobody else sees it.
        let other = t.neighbour().await;
        t.operator().get(format!("{}/work_space-1", other.resource_types())).await.missing();
        assert_eq!(t.operator().get(other.resource_types()).await.ok()["data"].as_array().unwrap().len(), 1);
        other.resource_type("work_space-1", &["organization"]).await;

        delete(&t, "work_space-1").await.no_content();
        delete(&t, "work_space-1").await.missing();
        t.operator().get(&one).await.missing();
        change(&t, "work_space-1", json!({})).await.missing();
        assert_eq!(t.all_events().await, [] as [&str; 0]);
    });
}

#[test]
fn the_type_of_organizations_is_there_and_stays_as_it_is() {
    story(async |t| {
        change(&t, "organization", json!({ "name": "Mine" })).await.fails(403, "organization_resource_type");
        delete(&t, "organization").await.fails(403, "organization_resource_type");
        make(&t, "organization", &["organization"]).await.fails(409, "resource_type_slug_conflict");
    });
}

#[test]
fn faults_of_a_type_are_named() {
    story(async |t| {
        let path = t.resource_types();
        t.operator().post(&path, json!({})).await.invalid(&["slug", "name"]);
        for slug in ["", "Upper", "with space", "a:b", &"x".repeat(49)] {
            t.operator().post(&path, json!({ "slug": slug, "name": "X" })).await.invalid(&["slug"]);
        }
        let body = json!({ "slug": "x", "name": " ", "description": "x".repeat(151), "parents": 7 });
        t.operator().post(&path, body).await.invalid(&["parents"]);
        make(&t, "x", &[]).await.invalid(&["parents"]);
        make(&t, "x", &["x"]).await.invalid(&["parents"]);
        make(&t, "x", &["planet"]).await.missing();
        t.resource_type("x", &["organization"]).await;
        change(&t, "x", json!({ "name": " ", "description": "x".repeat(151) })).await.invalid(&["name", "description"]);
        change(&t, "x", json!({ "parents": [] })).await.invalid(&["parents"]);
        change(&t, "x", json!({ "parents": ["planet"] })).await.missing();
        assert_eq!(t.operator().get(format!("{path}/x")).await.ok()["parents"], json!(["organization"]));
    });
}

#[test]
fn types_form_no_circle_but_with_themselves() {
    story(async |t| {
        t.resource_type("a", &["organization"]).await;
        t.resource_type("b", &["a", "b"]).await;
        t.resource_type("c", &["b", "organization"]).await;
        change(&t, "a", json!({ "parents": ["organization", "c"] })).await.fails(422, "resource_type_cycle");
        change(&t, "a", json!({ "parents": ["b"] })).await.fails(422, "resource_type_cycle");
        let nested = change(&t, "a", json!({ "parents": ["organization", "a"] })).await.ok();
        assert_eq!(nested["parents"], json!(["a", "organization"]));
        // Two edits at once, of which each alone would be right.
        change(&t, "c", json!({ "parents": ["organization"] })).await.ok();
        t.resource_type("d", &["organization"]).await;
        let (one, other) = tokio::join!(
            change(&t, "c", json!({ "parents": ["organization", "d"] })),
            change(&t, "d", json!({ "parents": ["organization", "c"] })),
        );
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422]);
    });
}

#[test]
fn types_stand_five_levels_deep_and_ten_beside_one_another() {
    story(async |t| {
        t.resource_type("l1", &["organization"]).await;
        for level in 2..=5 {
            t.resource_type(&format!("l{level}"), &[&format!("l{}", level - 1), &format!("l{level}")]).await;
        }
        make(&t, "l6", &["l5"]).await.fails(422, "resource_types_too_deep");
        make(&t, "l6", &["organization", "l5"]).await.fails(422, "resource_types_too_deep");
        // What is moved takes along what is below it.
        t.resource_type("above", &["organization"]).await;
        change(&t, "l1", json!({ "parents": ["above"] })).await.fails(422, "resource_types_too_deep");
        change(&t, "l2", json!({ "parents": ["above"] })).await.ok();

        t.resource_type("wide", &["organization"]).await;
        for i in 0..10 {
            t.resource_type(&format!("w{i}"), &["wide"]).await;
        }
        make(&t, "w10", &["wide"]).await.fails(422, "resource_type_has_too_many_children");
        change(&t, "wide", json!({ "parents": ["wide", "organization"] })).await.ok();
        change(&t, "above", json!({ "parents": ["organization", "wide"] }))
            .await
            .fails(422, "resource_type_has_too_many_children");
    });
}

#[test]
fn only_a_type_that_nothing_needs_is_deleted_and_its_resources_with_it() {
    story(async |t| {
        t.resource_type("folder", &["organization", "folder"]).await;
        t.resource_type("file", &["folder"]).await;
        delete(&t, "folder").await.fails(409, "resource_type_has_children");
        delete(&t, "file").await.no_content();
        let body = json!({ "slug": "folder:read", "name": "Read", "resource_type_slug": "folder" });
        t.post("/authorization/permissions", body).await.created();
        delete(&t, "folder").await.fails(409, "resource_type_in_use");
        t.delete("/authorization/permissions/folder:read").await.no_content();
        let organization = t.organization("Acme").await;
        let roles = format!("/authorization/organizations/{}/roles", organization["id"].as_str().unwrap());
        let body = json!({ "slug": "org-reader", "name": "Reader", "resource_type_slug": "folder" });
        t.post(&roles, body).await.created();
        delete(&t, "folder").await.fails(409, "resource_type_in_use");
        t.delete(format!("{roles}/org-reader")).await.no_content();

        let top = t.resource(&organization, "folder", "top", None).await;
        let inner = t.resource(&organization, "folder", "inner", Some(&top)).await;
        delete(&t, "folder").await.no_content();
        for gone in [top, inner] {
            t.get(format!("/authorization/resources/{}", gone["id"].as_str().unwrap())).await.missing();
        }
        assert_eq!(t.pages("/authorization/resources").await, [t.root(&organization).await]);
        crate::harness::closure_is_sound(&t).await;
    });
}

#[test]
fn a_type_keeps_the_parents_that_its_resources_stand_below() {
    story(async |t| {
        t.resource_type("folder", &["organization"]).await;
        t.resource_type("file", &["folder", "organization"]).await;
        let organization = t.organization("Acme").await;
        let folder = t.resource(&organization, "folder", "f", None).await;
        let file = t.resource(&organization, "file", "x", Some(&folder)).await;
        let losing = json!({ "parents": ["organization"] });
        change(&t, "file", losing.clone()).await.fails(409, "resource_type_parent_in_use");
        let path = format!("/authorization/resources/{}", file["id"].as_str().unwrap());
        let body = json!({ "parent_resource_id": t.root(&organization).await["id"] });
        t.patch(path, body).await.ok();
        assert_eq!(change(&t, "file", losing).await.ok()["parents"], json!(["organization"]));
        crate::harness::closure_is_sound(&t).await;
    });
}

#[test]
fn while_types_are_edited_nobody_writes_resources() {
    story(async |t| {
        t.resource_type("folder", &["organization"]).await;
        let organization = t.organization("Acme").await;
        let folder = t.resource(&organization, "folder", "f", None).await;
        let one = format!("/authorization/resources/{}", folder["id"].as_str().unwrap());
        let body = json!({ "organization_id": organization["id"], "resource_type_slug": "folder",
            "external_id": "g", "name": "G" });

        let mut edit = t.app.database().pool().begin().await.unwrap();
        sqlx::query("select pg_advisory_xact_lock(41, $1)").bind(t.environment.key).execute(&mut *edit).await.unwrap();
        let code = "resource_type_update_in_progress";
        t.post("/authorization/resources", body.clone()).await.fails(409, code);
        t.patch(&one, json!({ "name": "New" })).await.fails(409, code);
        t.patch(&one, json!({ "parent_resource_id": folder["id"] })).await.fails(409, code);
        t.delete(&one).await.fails(409, code);
        assert_eq!(t.get(&one).await.ok(), folder);
        edit.rollback().await.unwrap();
        t.post("/authorization/resources", body).await.created();
        t.delete(&one).await.no_content();
    });
}

#[test]
fn a_role_permits_what_concerns_its_type_and_the_types_below_it() {
    story(async |t| {
        t.resource_type("workspace", &["organization"]).await;
        t.resource_type("project", &["workspace"]).await;
        t.resource_type("app", &["project"]).await;
        t.resource_type("team", &["organization"]).await;
        for kind in ["organization", "workspace", "project", "app", "team"] {
            let body = json!({ "slug": format!("{kind}:read"), "name": kind, "resource_type_slug": kind });
            t.post("/authorization/permissions", body).await.created();
            let body = json!({ "slug": kind, "name": kind, "resource_type_slug": kind });
            assert_eq!(t.post("/authorization/roles", body).await.created()["resource_type_slug"], kind);
        }
        let add = async |role: &str, permission: &str| {
            t.post(format!("/authorization/roles/{role}/permissions"), json!({ "slug": format!("{permission}:read") }))
                .await
        };
        for kind in ["organization", "workspace", "project", "app", "team"] {
            add("organization", kind).await.ok();
        }
        for kind in ["workspace", "project", "app"] {
            add("workspace", kind).await.ok();
        }
        for (role, kind) in [
            ("workspace", "organization"),
            ("workspace", "team"),
            ("app", "project"),
            ("team", "app"),
            ("project", "workspace"),
        ] {
            add(role, kind).await.fails(422, "permission_resource_type_mismatch");
        }
        let body = json!({ "permissions": ["project:read", "app:read", "team:read"] });
        t.put("/authorization/roles/project/permissions", body).await.fails(422, "permission_resource_type_mismatch");
    });
}

#[test]
fn a_type_that_is_being_deleted_is_not_taken_for_a_role() {
    story(async |t| {
        for i in 0..4 {
            let slug = format!("t{i}");
            t.resource_type(&slug, &["organization"]).await;
            let role = json!({ "slug": slug, "name": slug, "resource_type_slug": slug });
            let (gone, role) = tokio::join!(delete(&t, &slug), t.post("/authorization/roles", role));
            match gone.status.as_u16() {
                204 => drop(role.missing()),
                _ => {
                    gone.fails(409, "resource_type_in_use");
                    role.created();
                }
            }
        }
    });
}
