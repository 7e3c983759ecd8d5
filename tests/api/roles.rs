//! Roles, of the environment and of organizations.

use serde_json::{Value, json};

use crate::harness::{Test, story};

/// New permissions of these slugs.
async fn permissions(t: &Test, slugs: &[&str]) {
    for slug in slugs {
        t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created();
    }
}

/// A new role of the environment.
async fn role(t: &Test, slug: &str) -> Value {
    t.post("/authorization/roles", json!({ "slug": slug, "name": slug })).await.created()
}

/// Where the roles of a new organization are.
async fn roles_of_an_organization(t: &Test) -> String {
    let organization = t.organization("Acme").await;
    format!("/authorization/organizations/{}/roles", organization["id"].as_str().unwrap())
}

/// The slugs of a list of roles, in its order.
async fn slugs(t: &Test, path: &str) -> Vec<String> {
    let list = t.get(path).await.ok();
    assert_eq!(list["object"], "list");
    assert_eq!(list.get("list_metadata"), None);
    list["data"].as_array().unwrap().iter().map(|role| role["slug"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_environment_begins_with_the_role_of_a_member() {
    story(async |t| {
        let member = t.get("/authorization/roles/member").await.ok();
        assert!(member["id"].as_str().unwrap().starts_with("role_"));
        assert_eq!(member["object"], "role");
        assert_eq!(member["type"], "EnvironmentRole");
        assert_eq!(member["description"], Value::Null);
        assert_eq!(member["resource_type_slug"], "organization");
        assert_eq!(member["permissions"], json!([]));
        assert_eq!(t.get("/authorization/roles").await.ok(), json!({ "object": "list", "data": [member] }));
        assert_eq!(t.events(&["role.created", "role.updated"]).await, [] as [Value; 0]);
    });
}

#[test]
fn a_role_of_the_environment_is_made_found_and_changed() {
    story(async |t| {
        let body = json!({ "slug": "admin", "name": " Admin ", "description": "All of it" });
        let made = t.post("/authorization/roles", body).await.created();
        assert_eq!(made["name"], "Admin");
        assert_eq!(t.get("/authorization/roles/admin").await.ok(), made);
        assert_eq!(slugs(&t, "/authorization/roles").await, ["member", "admin"]);
        let changed = t.patch("/authorization/roles/admin", json!({ "name": "Boss", "description": null })).await.ok();
        assert_eq!((&changed["name"], &changed["description"]), (&json!("Boss"), &Value::Null));
        assert_eq!(t.patch("/authorization/roles/admin", json!({ "name": "Boss" })).await.ok(), changed);
        t.patch("/authorization/roles/nobody", json!({})).await.missing();
        t.get("/authorization/roles/nobody").await.missing();

        t.assert_events(&["role.created", "role.updated"]).await;
        let event = &t.events(&["role.updated"]).await[0]["data"];
        let (created_at, updated_at) = (&changed["created_at"], &changed["updated_at"]);
        let shown = json!({ "object": "role", "slug": "admin", "resource_type_slug": "organization",
            "permissions": [], "created_at": created_at, "updated_at": updated_at });
        assert_eq!(*event, shown);
    });
}

#[test]
fn a_role_has_the_permissions_that_it_was_given() {
    story(async |t| {
        permissions(&t, &["a", "b", "c"]).await;
        role(&t, "admin").await;
        let path = "/authorization/roles/admin/permissions";
        let set = t.put(path, json!({ "permissions": ["c", "a", "c"] })).await.ok();
        assert_eq!(set["permissions"], json!(["a", "c"]));
        assert_eq!(t.put(path, json!({ "permissions": ["a", "c"] })).await.ok(), set);
        let added = t.post(path, json!({ "slug": "b" })).await.ok();
        assert_eq!(added["permissions"], json!(["a", "b", "c"]));
        assert_eq!(t.post(path, json!({ "slug": "b" })).await.ok(), added);
        assert_eq!(t.get("/authorization/roles/admin").await.ok(), added);
        t.put(path, json!({ "permissions": ["a", "nothing"] })).await.missing();
        t.post(path, json!({ "slug": "nothing" })).await.missing();
        t.put(path, json!({ "permissions": ["a", 7] })).await.invalid(&["permissions[1]"]);
        t.put(path, json!({})).await.invalid(&["permissions"]);
        assert_eq!(t.put(path, json!({ "permissions": [] })).await.ok()["permissions"], json!([]));
        t.put("/authorization/roles/nobody/permissions", json!({ "permissions": [] })).await.missing();
        t.post("/authorization/roles/nobody/permissions", json!({ "slug": "a" })).await.missing();
        t.assert_events(&["role.created", "role.updated", "role.updated", "role.updated"]).await;
        let event = &t.events(&["role.updated"]).await[1]["data"];
        assert_eq!(event["permissions"], json!(["a", "b", "c"]));
    });
}

#[test]
fn a_role_of_an_organization_is_made_found_changed_and_deleted() {
    story(async |t| {
        permissions(&t, &["a", "b"]).await;
        let roles = roles_of_an_organization(&t).await;
        let body = json!({ "slug": "org-billing", "name": "Billing", "description": "Pays" });
        let made = t.post(&roles, body).await.created();
        assert_eq!((&made["object"], &made["type"]), (&json!("role"), &json!("OrganizationRole")));
        let path = format!("{roles}/org-billing");
        assert_eq!(t.get(&path).await.ok(), made);
        t.patch(&path, json!({ "name": "Money" })).await.ok();
        t.put(format!("{path}/permissions"), json!({ "permissions": ["a"] })).await.ok();
        t.post(format!("{path}/permissions"), json!({ "slug": "b" })).await.ok();
        let left = t.delete(format!("{path}/permissions/a")).await.ok();
        assert_eq!((&left["name"], &left["permissions"]), (&json!("Money"), &json!(["b"])));
        t.delete(format!("{path}/permissions/a")).await.missing();
        assert_eq!(t.get(&path).await.ok(), left);

        t.delete(&path).await.no_content();
        t.get(&path).await.missing();
        t.delete(&path).await.missing();
        assert_eq!(slugs(&t, &roles).await, ["member"]);
        let updated = ["organization_role.updated"; 4];
        let names = [&["organization_role.created"], &updated[..], &["organization_role.deleted"]].concat();
        t.assert_events(&names).await;
        let event = &t.events(&["organization_role.deleted"]).await[0]["data"];
        let mut shown = left.clone();
        shown.as_object_mut().unwrap().retain(|key, _| !["id", "type"].contains(&key.as_str()));
        shown["object"] = json!("organization_role");
        shown["organization_id"] = json!(roles.split('/').nth(3).unwrap());
        assert_eq!(*event, shown);
    });
}

#[test]
fn the_slug_of_an_organizations_role_is_made_of_its_name() {
    story(async |t| {
        let roles = roles_of_an_organization(&t).await;
        let names =
            [("Billing & Über-Manager", "org-billing-ber-manager-"), ("經理", "org-"), (&"x".repeat(48), "org-xxxx")];
        for (name, start) in names {
            let made = t.post(&roles, json!({ "name": name })).await.created();
            let slug = made["slug"].as_str().unwrap();
            assert!(slug.starts_with(start) && slug.len() <= 48, "{slug}");
            assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{slug}");
            assert_eq!(t.get(format!("{roles}/{slug}")).await.ok(), made);
        }
        let (a, b) = (json!({ "name": "Twin" }), json!({ "name": "Twin" }));
        assert_ne!(t.post(&roles, a).await.created()["slug"], t.post(&roles, b).await.created()["slug"]);
    });
}

#[test]
fn the_two_kinds_of_roles_never_share_a_slug() {
    story(async |t| {
        let roles = roles_of_an_organization(&t).await;
        t.post("/authorization/roles", json!({ "slug": "org-x", "name": "X" })).await.invalid(&["slug"]);
        t.post(&roles, json!({ "slug": "x", "name": "X" })).await.invalid(&["slug"]);
        role(&t, "x").await;
        let again = t.post("/authorization/roles", json!({ "slug": "x", "name": "X" })).await;
        again.fails(409, "role_slug_conflict");
        t.post(&roles, json!({ "slug": "org-x", "name": "X" })).await.created();
        let again = t.post(&roles, json!({ "slug": "org-x", "name": "X" })).await;
        again.fails(409, "organization_role_slug_conflict");
        t.post(roles_of_an_organization(&t).await, json!({ "slug": "org-x", "name": "X" })).await.created();
    });
}

#[test]
fn an_organization_sees_both_kinds_of_roles_and_changes_only_its_own() {
    story(async |t| {
        permissions(&t, &["a"]).await;
        let roles = roles_of_an_organization(&t).await;
        t.post(&roles, json!({ "slug": "org-x", "name": "X" })).await.created();
        let member = t.get("/authorization/roles/member").await.ok();
        assert_eq!(t.get(format!("{roles}/member")).await.ok(), member);
        t.patch(format!("{roles}/member"), json!({ "name": "Mine" })).await.missing();
        t.put(format!("{roles}/member/permissions"), json!({ "permissions": ["a"] })).await.missing();
        t.post(format!("{roles}/member/permissions"), json!({ "slug": "a" })).await.missing();
        t.delete(format!("{roles}/member/permissions/a")).await.missing();
        t.delete(format!("{roles}/member")).await.missing();
        t.get("/authorization/roles/org-x").await.missing();
        t.patch("/authorization/roles/org-x", json!({ "name": "Mine" })).await.missing();
        assert_eq!(t.get("/authorization/roles/member").await.ok(), member);

        let older = roles.replace("/authorization/", "/");
        assert_eq!(t.get(&older).await.ok(), t.get(&roles).await.ok());
        let other = roles_of_an_organization(&t).await;
        assert_eq!(slugs(&t, &other).await, ["member"]);
        t.get(format!("{other}/org-x")).await.missing();
        t.delete(format!("{other}/org-x")).await.missing();
    });
}

#[test]
fn an_organization_with_its_own_roles_has_its_own_order() {
    story(async |t| {
        role(&t, "early").await;
        let roles = roles_of_an_organization(&t).await;
        t.post(&roles, json!({ "slug": "org-a", "name": "A" })).await.created();
        role(&t, "late").await;
        assert_eq!(slugs(&t, &roles).await, ["member", "early", "org-a", "late"]);
        t.post(&roles, json!({ "slug": "org-b", "name": "B" })).await.created();
        role(&t, "later").await;
        assert_eq!(slugs(&t, &roles).await, ["member", "early", "org-a", "late", "org-b", "later"]);
        assert_eq!(slugs(&t, "/authorization/roles").await, ["member", "early", "late", "later"]);
    });
}

#[test]
fn roles_are_seen_only_from_their_environment() {
    story(async |t| {
        let roles = roles_of_an_organization(&t).await;
        t.post(&roles, json!({ "slug": "org-x", "name": "X" })).await.created();
        role(&t, "x").await;
        let other = t.neighbour().await;
        assert_eq!(slugs(&other, "/authorization/roles").await, ["member"]);
        other.get("/authorization/roles/x").await.missing();
        other.get(&roles).await.missing();
        other.get(format!("{roles}/org-x")).await.missing();
        other.get(roles.replace("/authorization/", "/")).await.missing();
        other.post(&roles, json!({ "slug": "org-y", "name": "Y" })).await.missing();
        other.delete(format!("{roles}/org-x")).await.missing();
        let answer = other.put(format!("{roles}/org-x/permissions"), json!({ "permissions": [] })).await;
        answer.missing();
        role(&other, "x").await;
        assert_eq!(slugs(&t, &roles).await, ["member", "org-x", "x"]);
    });
}

#[test]
fn faults_of_a_role_are_named() {
    story(async |t| {
        let roles = roles_of_an_organization(&t).await;
        t.post("/authorization/roles", json!({})).await.invalid(&["slug", "name"]);
        t.post(&roles, json!({})).await.invalid(&["name"]);
        let long = "x".repeat(49);
        for slug in ["", "Upper", "a:b", "a.b", &long] {
            t.post("/authorization/roles", json!({ "slug": slug, "name": "X" })).await.invalid(&["slug"]);
            t.post(&roles, json!({ "slug": slug, "name": "X" })).await.invalid(&["slug"]);
        }
        let body = json!({ "slug": "x", "name": long, "description": "x".repeat(151) });
        t.post("/authorization/roles", body.clone()).await.invalid(&["name", "description"]);
        t.post(&roles, body.clone()).await.invalid(&["name", "description"]);
        t.patch("/authorization/roles/member", body).await.invalid(&["name", "description"]);
        let body = json!({ "slug": "x", "name": "X", "resource_type_slug": "planet" });
        t.post("/authorization/roles", body).await.missing();
        t.post(&roles, json!({ "name": "X", "resource_type_slug": "planet" })).await.missing();
        assert_eq!(slugs(&t, &roles).await, ["member"]);
    });
}

#[test]
fn of_two_roles_made_at_once_under_one_slug_one_is_refused() {
    story(async |t| {
        let roles = roles_of_an_organization(&t).await;
        let make = |path: &str, slug: &str| {
            let (t, path, body) = (t.clone(), path.to_owned(), json!({ "slug": slug, "name": "X" }));
            async move { t.post(path, body).await.status.as_u16() }
        };
        for (path, slug) in [("/authorization/roles", "x"), (roles.as_str(), "org-x")] {
            let (a, b, c) = tokio::join!(make(path, slug), make(path, slug), make(path, slug));
            let mut statuses = [a, b, c];
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409, 409], "{slug}");
        }
        let (a, b, c) = tokio::join!(make(&roles, "org-a"), make(&roles, "org-b"), make(&roles, "org-c"));
        assert_eq!([a, b, c], [201; 3]);
        let order = slugs(&t, &roles).await;
        assert_eq!(order[..3], ["member", "x", "org-x"]);
        assert_eq!(order.len(), 6);
    });
}

#[test]
fn permissions_added_at_once_are_all_there_and_each_event_shows_what_was_so() {
    story(async |t| {
        permissions(&t, &["a", "b", "c", "d"]).await;
        role(&t, "admin").await;
        let path = "/authorization/roles/admin/permissions";
        let add = |slug: &'static str| t.post(path, json!({ "slug": slug }));
        let (a, b, c, d, again) = tokio::join!(add("a"), add("b"), add("c"), add("d"), add("a"));
        for answer in [a, b, c, d, again] {
            answer.ok();
        }
        assert_eq!(t.get("/authorization/roles/admin").await.ok()["permissions"], json!(["a", "b", "c", "d"]));
        let events = t.events(&["role.updated"]).await;
        let mut counts: Vec<_> =
            events.iter().map(|event| event["data"]["permissions"].as_array().unwrap().len()).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2, 3, 4]);
    });
}

/// A resource type below another, as the operator makes them.
async fn resource_type(t: &Test, slug: &str, parent: &str) {
    let made = "with made as (
                    insert into resource_types (environment, slug, name, created_at, updated_at)
                    values ($1, $2, $2, now(), now()) returning key)
                insert into resource_type_parents (environment, type, parent)
                select $1, made.key, p.key from made, resource_types p where p.environment = $1 and p.slug = $3";
    let pool = t.app.database().pool();
    sqlx::query(made).bind(t.environment.key).bind(slug).bind(parent).execute(pool).await.unwrap();
}

#[test]
fn a_role_permits_what_concerns_its_own_type_and_those_below() {
    story(async |t| {
        resource_type(&t, "workspace", "organization").await;
        resource_type(&t, "project", "workspace").await;
        resource_type(&t, "team", "organization").await;
        for kind in ["organization", "workspace", "project", "team"] {
            let body = json!({ "slug": format!("{kind}:edit"), "name": "Edit", "resource_type_slug": kind });
            let made = t.post("/authorization/permissions", body).await.created();
            assert_eq!(made["resource_type_slug"], kind);
        }
        let body = json!({ "slug": "lead", "name": "Lead", "resource_type_slug": "workspace" });
        assert_eq!(t.post("/authorization/roles", body).await.created()["resource_type_slug"], "workspace");
        let path = "/authorization/roles/lead/permissions";
        let both = json!(["project:edit", "workspace:edit"]);
        assert_eq!(t.put(path, json!({ "permissions": both })).await.ok()["permissions"], both);
        for kind in ["organization", "team"] {
            let slug = format!("{kind}:edit");
            t.post(path, json!({ "slug": slug })).await.fails(422, "permission_resource_type_mismatch");
            let body = json!({ "permissions": ["project:edit", slug] });
            t.put(path, body).await.fails(422, "permission_resource_type_mismatch");
        }
        assert_eq!(t.get("/authorization/roles/lead").await.ok()["permissions"], both);
        let all = json!(["organization:edit", "project:edit", "team:edit", "workspace:edit"]);
        let member = t.put("/authorization/roles/member/permissions", json!({ "permissions": all })).await.ok();
        assert_eq!(member["permissions"], all);
    });
}
