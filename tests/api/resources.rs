//! Resources: the trees of organizations.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Test, closure_is_sound, story};

const ALL: &str = "/authorization/resources";

fn path(resource: &Value) -> String {
    format!("{ALL}/{}", resource["id"].as_str().unwrap())
}

/// Where a resource is by what the application calls it.
fn named(organization: &Value, kind: &str, external_id: &str) -> String {
    format!("/authorization/organizations/{}/resources/{kind}/{external_id}", organization["id"].as_str().unwrap())
}

/// An organization with types of resources: folders in folders and in the organization, files in both.
async fn acme(t: &Test) -> Value {
    t.resource_type("folder", &["organization", "folder"]).await;
    t.resource_type("file", &["organization", "folder"]).await;
    t.organization("Acme").await
}

async fn put_below(t: &Test, resource: &Value, parent: &Value) -> crate::harness::Answer {
    t.patch(path(resource), json!({ "parent_resource_id": parent["id"] })).await
}

/// The ids of a list's resources, in its order.
async fn ids(t: &Test, query: &str) -> Vec<String> {
    t.pages(&format!("{ALL}?{query}")).await.iter().map(|it| it["external_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_resource_is_made_found_changed_and_deleted() {
    story(async |t| {
        let acme = acme(&t).await;
        let root = t.root(&acme).await;
        let body = json!({ "organization_id": acme["id"], "resource_type_slug": "folder", "external_id": "f-1",
            "name": " Reports ", "description": "All of them" });
        let made = t.post(ALL, body.clone()).await.created();
        assert_eq!(made["object"], "authorization_resource");
        assert!(made["id"].as_str().unwrap().starts_with("authz_resource_"));
        assert_eq!(made["name"], "Reports");
        assert_eq!((&made["organization_id"], &made["external_id"]), (&acme["id"], &json!("f-1")));
        assert_eq!((&made["resource_type_slug"], &made["parent_resource_id"]), (&json!("folder"), &root["id"]));
        assert_eq!(t.get(path(&made)).await.ok(), made);
        assert_eq!(t.get(named(&acme, "folder", "f-1")).await.ok(), made);
        let again = t.post(ALL, body.clone()).await.fails(409, "authorization_resource_external_id_conflict");
        assert!(again["message"].as_str().unwrap().contains("already exists"));

        let changed = t.patch(path(&made), json!({ "name": "Papers", "description": null })).await.ok();
        assert_eq!((&changed["name"], &changed["description"]), (&json!("Papers"), &Value::Null));
        assert_eq!(t.patch(path(&made), json!({ "name": "Papers" })).await.ok(), changed);
        assert_eq!(t.patch(path(&made), json!({ "parent_resource_id": null })).await.ok(), changed);
        let renamed = t.patch(named(&acme, "folder", "f-1"), json!({ "name": "Post" })).await.ok();
        assert_eq!((&renamed["id"], &renamed["name"]), (&made["id"], &json!("Post")));

        // The same external id names another one elsewhere, and one of another type.
        let mut other = body.clone();
        other["resource_type_slug"] = json!("file");
        t.post(ALL, other).await.created();
        let mut other = body;
        other["organization_id"] = t.organization("Globex").await["id"].clone();
        t.post(ALL, other).await.created();

        t.delete(named(&acme, "folder", "f-1")).await.no_content();
        t.get(path(&made)).await.missing();
        t.patch(path(&made), json!({})).await.missing();
        t.delete(path(&made)).await.missing();
        t.get(named(&acme, "folder", "f-1")).await.missing();
        closure_is_sound(&t).await;
    });
}

#[test]
fn an_organization_is_a_resource_that_lives_with_it() {
    story(async |t| {
        let acme = t.post("/organizations", json!({ "name": "Acme" })).await.created();
        let root = t.root(&acme).await;
        assert_eq!((&root["name"], &root["external_id"]), (&json!("Acme"), &acme["id"]));
        assert_eq!((&root["resource_type_slug"], &root["parent_resource_id"]), (&json!("organization"), &Value::Null));
        assert_eq!(t.pages(ALL).await, std::slice::from_ref(&root));

        let organization = format!("/organizations/{}", acme["id"].as_str().unwrap());
        t.put(&organization, json!({ "name": "Acme & Co", "external_id": "a/c me?" })).await.ok();
        let changed = t.get(path(&root)).await.ok();
        assert_eq!((&changed["id"], &changed["external_id"]), (&root["id"], &json!("a/c me?")));
        assert_eq!(changed["name"], "Acme & Co");
        assert_eq!(t.get(named(&acme, "organization", "a%2Fc%20me%3F")).await.ok(), changed);
        assert_eq!(t.root(&acme).await, changed);
        t.get(named(&acme, "organization", "Acme")).await.missing();

        for path in [path(&root), named(&acme, "organization", acme["id"].as_str().unwrap())] {
            t.patch(&path, json!({ "name": "Mine" })).await.fails(403, "organization_resource");
            t.delete(format!("{path}?cascade_delete=true")).await.fails(403, "organization_resource");
        }
        let body = json!({ "organization_id": acme["id"], "resource_type_slug": "organization", "external_id": "x",
            "name": "X" });
        t.post(ALL, body).await.invalid(&["resource_type_slug"]);

        t.resource_type("folder", &["organization"]).await;
        t.resource(&acme, "folder", "f", None).await;
        t.delete(organization).await.accepted();
        t.get(path(&root)).await.missing();
        assert_eq!(t.pages(ALL).await, [] as [Value; 0]);
        closure_is_sound(&t).await;
    });
}

#[test]
fn a_resource_is_put_below_what_is_named_in_one_of_two_ways() {
    story(async |t| {
        let acme = acme(&t).await;
        let top = t.resource(&acme, "folder", "top", None).await;
        let body = |external_id: &str, parent: Value| {
            let mut body = json!({ "organization_id": acme["id"], "resource_type_slug": "folder",
                "external_id": external_id, "name": "X" });
            body.as_object_mut().unwrap().extend(parent.as_object().unwrap().clone());
            body
        };
        let by_name =
            |name: &str| json!({ "parent_resource_type_slug": "folder", "parent_resource_external_id": name });
        let inner = t.post(ALL, body("inner", by_name("top"))).await.created();
        assert_eq!(inner["parent_resource_id"], top["id"]);
        let root = t.root(&acme).await;
        let of_root = json!({ "parent_resource_type_slug": "organization", "parent_resource_external_id": acme["id"] });
        assert_eq!(t.post(ALL, body("second", of_root)).await.created()["parent_resource_id"], root["id"]);
        let nothing = json!({ "parent_resource_id": null });
        assert_eq!(t.post(ALL, body("third", nothing)).await.created()["parent_resource_id"], root["id"]);
        let by_id = json!({ "parent_resource_id": root["id"] });
        assert_eq!(t.post(ALL, body("fourth", by_id)).await.created()["parent_resource_id"], root["id"]);

        let both = json!({ "parent_resource_id": top["id"], "parent_resource_type_slug": "folder",
            "parent_resource_external_id": "top" });
        t.post(ALL, body("x", both.clone())).await.invalid(&["parent_resource_id"]);
        t.patch(path(&inner), both).await.invalid(&["parent_resource_id"]);
        let half = json!({ "parent_resource_type_slug": "folder" });
        t.post(ALL, body("x", half)).await.invalid(&["parent_resource_external_id"]);
        t.post(ALL, body("x", by_name("nothing"))).await.missing();
        t.post(ALL, body("x", json!({ "parent_resource_id": "authz_resource_x" }))).await.missing();
        let mut unknown = body("x", json!({}));
        unknown["resource_type_slug"] = json!("planet");
        t.post(ALL, unknown).await.missing();
        let mut nowhere = body("x", json!({}));
        nowhere["organization_id"] = json!("org_nobody");
        assert_eq!(t.post(ALL, nowhere).await.missing()["message"], "Organization not found: 'org_nobody'.");
        closure_is_sound(&t).await;
    });
}

#[test]
fn faults_of_a_resource_are_named() {
    story(async |t| {
        let acme = acme(&t).await;
        t.post(ALL, json!({})).await.invalid(&["external_id", "name", "resource_type_slug", "organization_id"]);
        for external_id in ["", "ünï", &"x".repeat(129)] {
            let body = json!({ "organization_id": acme["id"], "resource_type_slug": "folder",
                "external_id": external_id, "name": "x".repeat(49), "description": "x".repeat(151) });
            t.post(ALL, body).await.invalid(&["external_id", "name", "description"]);
        }
        let made = t.resource(&acme, "folder", &"x".repeat(48), None).await;
        t.patch(path(&made), json!({ "name": "", "description": "x".repeat(151) }))
            .await
            .invalid(&["name", "description"]);
        t.delete(format!("{}?cascade_delete=perhaps", path(&made))).await.invalid(&["cascade_delete"]);
    });
}

#[test]
fn an_external_id_may_be_any_ascii() {
    story(async |t| {
        let acme = acme(&t).await;
        for (external_id, segment) in [
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("100%2F", "100%252F"),
            ("..", "%2E%2E"),
            (" ", "%20"),
            ("a+b", "a+b"),
        ] {
            let body = json!({ "organization_id": acme["id"], "resource_type_slug": "folder",
                "external_id": external_id, "name": "Odd" });
            let made = t.post(ALL, body).await.created();
            let path = named(&acme, "folder", segment);
            assert_eq!(t.get(&path).await.ok(), made, "{path}");
            assert_eq!(t.patch(&path, json!({ "name": "New" })).await.ok()["id"], made["id"]);
            t.delete(&path).await.no_content();
        }
    });
}

#[test]
fn a_resource_stands_only_where_its_type_may() {
    story(async |t| {
        let acme = acme(&t).await;
        t.resource_type("page", &["file"]).await;
        let folder = t.resource(&acme, "folder", "folder", None).await;
        let file = t.resource(&acme, "file", "file", Some(&folder)).await;
        let page = t.resource(&acme, "page", "page", Some(&file)).await;
        let body = |parent: &Value| {
            json!({ "organization_id": acme["id"], "resource_type_slug": "page", "external_id": "x", "name": "X",
                "parent_resource_id": parent["id"] })
        };
        let code = "invalid_parent_resource_type";
        t.post(ALL, body(&folder)).await.fails(422, code);
        t.post(ALL, body(&page)).await.fails(422, code);
        t.post(ALL, body(&json!({}))).await.fails(422, code);
        put_below(&t, &page, &folder).await.fails(422, code);
        put_below(&t, &folder, &file).await.fails(422, "resource_cycle");
        put_below(&t, &folder, &folder).await.fails(422, "resource_cycle");

        // Of another organization there is nothing to stand below.
        let globex = t.organization("Globex").await;
        let foreign = t.resource(&globex, "file", "file", None).await;
        t.post(ALL, body(&foreign)).await.missing();
        put_below(&t, &page, &foreign).await.missing();
        let stranger = t.neighbour().await;
        stranger.patch(path(&page), json!({ "name": "X" })).await.missing();
        stranger.post(ALL, body(&file)).await.missing();
        closure_is_sound(&t).await;
    });
}

#[test]
fn a_resource_moves_with_all_that_is_below_it() {
    story(async |t| {
        let acme = acme(&t).await;
        let a = t.resource(&acme, "folder", "a", None).await;
        let b = t.resource(&acme, "folder", "b", Some(&a)).await;
        let c = t.resource(&acme, "folder", "c", Some(&b)).await;
        t.resource(&acme, "file", "d", Some(&c)).await;
        let e = t.resource(&acme, "folder", "e", None).await;
        let f = t.resource(&acme, "folder", "f", Some(&e)).await;
        let moved = put_below(&t, &b, &f).await.ok();
        assert_eq!(moved["parent_resource_id"], f["id"]);
        closure_is_sound(&t).await;
        assert_eq!(put_below(&t, &b, &f).await.ok(), moved, "it is there already");
        put_below(&t, &e, &c).await.fails(422, "resource_cycle");
        // Up along its own line, and down again by the external id.
        put_below(&t, &b, &e).await.ok();
        closure_is_sound(&t).await;
        let by_name = json!({ "parent_resource_type_slug": "organization", "parent_resource_external_id": acme["id"] });
        t.patch(named(&acme, "folder", "b"), by_name).await.ok();
        closure_is_sound(&t).await;
        put_below(&t, &e, &c).await.ok();
        closure_is_sound(&t).await;
        assert_eq!(ids(&t, &format!("parent_resource_id={}", c["id"].as_str().unwrap())).await, ["e", "d"]);
    });
}

#[test]
fn trees_are_sixteen_levels_deep() {
    story(async |t| {
        let acme = acme(&t).await;
        let mut line = vec![t.resource(&acme, "folder", "1", None).await];
        for level in 2..=16 {
            line.push(t.resource(&acme, "folder", &level.to_string(), line.last()).await);
        }
        let body = json!({ "organization_id": acme["id"], "resource_type_slug": "folder", "external_id": "17",
            "name": "17", "parent_resource_id": line[15]["id"] });
        t.post(ALL, body).await.fails(422, "resources_too_deep");
        let top = t.resource(&acme, "folder", "top", None).await;
        put_below(&t, &line[0], &top).await.fails(422, "resources_too_deep");
        put_below(&t, &line[1], &top).await.ok();
        put_below(&t, &top, &line[0]).await.fails(422, "resources_too_deep");
        closure_is_sound(&t).await;
    });
}

#[test]
fn what_has_dependents_is_deleted_only_with_them() {
    story(async |t| {
        let acme = acme(&t).await;
        let top = t.resource(&acme, "folder", "top", None).await;
        let inner = t.resource(&acme, "folder", "inner", Some(&top)).await;
        let leaf = t.resource(&acme, "file", "leaf", Some(&inner)).await;
        let beside = t.resource(&acme, "folder", "beside", None).await;
        t.delete(path(&top)).await.fails(409, "resource_has_dependents");
        t.delete(format!("{}?cascade_delete=false", path(&inner))).await.fails(409, "resource_has_dependents");
        assign(&t, &acme, &leaf).await;
        t.delete(path(&leaf)).await.fails(409, "resource_has_dependents");
        t.delete(format!("{}?cascade_delete=true", path(&top))).await.no_content();
        for gone in [&top, &inner, &leaf] {
            t.get(path(gone)).await.missing();
        }
        assert_eq!(t.pages(ALL).await, [beside, t.root(&acme).await]);
        closure_is_sound(&t).await;
        t.resource(&acme, "folder", "top", None).await;
    });
}

/// Gives a new member of the organization a role on a resource.
async fn assign(t: &Test, organization: &Value, resource: &Value) {
    let body = json!({ "slug": "reader", "name": "Reader", "resource_type_slug": resource["resource_type_slug"] });
    t.post("/authorization/roles", body).await.created();
    let user = t.user("ann@example.com").await;
    let body = json!({ "user_id": user["id"], "organization_id": organization["id"] });
    let membership = t.post("/user_management/organization_memberships", body).await.created();
    sqlx::query(
        "insert into role_assignments
             (environment, id, organization_id, subject, role, resource, created_at, updated_at)
         select r.environment, 'role_assignment_' || r.id, r.organization_id, m.subject, s.key, r.key, now(), now()
         from resources r
         join organization_memberships m on m.environment = r.environment and m.id = $2
         join roles s on s.environment = r.environment and s.slug = 'reader'
         where r.id = $1",
    )
    .bind(resource["id"].as_str())
    .bind(membership["id"].as_str())
    .execute(t.app.database().pool())
    .await
    .unwrap();
}

#[test]
fn lists_show_what_is_asked_for_in_the_order_of_making() {
    story(async |t| {
        let acme = acme(&t).await;
        let globex = t.post("/organizations", json!({ "name": "Globex", "external_id": "x" })).await.created();
        let mut acme_x = Value::Null;
        for organization in [&acme, &globex] {
            let x = t.resource(organization, "folder", "x", None).await;
            t.resource(organization, "file", "x", Some(&x)).await;
            t.resource(organization, "folder", "y", Some(&x)).await;
            if acme_x.is_null() {
                acme_x = x;
            }
        }
        let (of_acme, acme_id) = (acme["id"].as_str().unwrap(), acme["id"].as_str().unwrap());
        assert_eq!(ids(&t, "").await, ["y", "x", "x", "y", "x", "x", "x", acme_id]);
        assert_eq!(ids(&t, "order=asc&limit=3").await, [acme_id, "x", "x", "x", "y", "x", "x", "y"]);
        assert_eq!(ids(&t, &format!("organization_id={of_acme}&limit=1")).await, ["y", "x", "x", acme_id]);
        assert_eq!(ids(&t, "resource_type_slug=folder&limit=1").await, ["y", "x", "y", "x"]);
        assert_eq!(ids(&t, "resource_type_slug=organization").await, ["x", acme_id]);
        let both = format!("organization_id={of_acme}&resource_type_slug=folder&order=asc");
        assert_eq!(ids(&t, &both).await, ["x", "y"]);
        assert_eq!(ids(&t, &format!("organization_id={of_acme}&resource_external_id=x")).await, ["x", "x"]);
        assert_eq!(ids(&t, "resource_type_slug=folder&resource_external_id=x&limit=1").await, ["x", "x"]);
        assert_eq!(ids(&t, "resource_type_slug=organization&resource_external_id=x").await, ["x"]);
        assert_eq!(ids(&t, &format!("organization_id={of_acme}&resource_external_id={acme_id}")).await, [acme_id]);
        let below = format!("parent_resource_id={}", acme_x["id"].as_str().unwrap());
        assert_eq!(ids(&t, &format!("{below}&limit=1")).await, ["y", "x"]);
        assert_eq!(ids(&t, &format!("{below}&resource_type_slug=file")).await, ["x"]);
        let elsewhere = format!("{below}&organization_id={}", globex["id"].as_str().unwrap());
        assert_eq!(ids(&t, &elsewhere).await, [] as [&str; 0]);
        let named = "parent_resource_type_slug=folder&parent_external_id=x";
        assert_eq!(ids(&t, &format!("organization_id={of_acme}&{named}")).await, ["y", "x"]);
        assert_eq!(ids(&t, &format!("resource_type_slug=file&{named}&limit=1")).await, ["x", "x"]);
        let of_root =
            format!("organization_id={of_acme}&parent_resource_type_slug=organization&parent_external_id={of_acme}");
        assert_eq!(ids(&t, &of_root).await, ["x"]);
        assert_eq!(ids(&t, &format!("search=Y&organization_id={of_acme}")).await, ["y"]);
        assert_eq!(ids(&t, "organization_id=org_nobody").await, [] as [&str; 0]);

        let code = "missing_organization_id_or_resource_type_slug";
        t.get(format!("{ALL}?resource_external_id=x")).await.fails(400, code);
        t.get(format!("{ALL}?{named}")).await.fails(400, code);
        t.get(format!("{ALL}?{below}&{named}")).await.invalid(&["parent_resource_id"]);
        t.get(format!("{ALL}?parent_external_id=x")).await.invalid(&["parent_resource_type_slug"]);
        assert_eq!(t.neighbour().await.pages(ALL).await, [] as [Value; 0]);
    });
}

#[test]
fn a_page_goes_on_where_a_resource_was_that_is_gone() {
    story(async |t| {
        let acme = acme(&t).await;
        let mut made = vec![t.root(&acme).await];
        for i in 0..6 {
            made.push(t.resource(&acme, "folder", &i.to_string(), None).await);
        }
        t.delete(path(&made[3])).await.no_content();
        let cursor = made[3]["id"].as_str().unwrap();
        for filter in ["", &format!("&organization_id={}", acme["id"].as_str().unwrap()), "&resource_type_slug=folder"]
        {
            let page = async |query: &str| {
                let list = t.get(format!("{ALL}?limit=2&{query}{filter}")).await.ok();
                list["data"].as_array().unwrap().clone()
            };
            assert_eq!(page(&format!("order=asc&after={cursor}")).await, made[4..6]);
            assert_eq!(page(&format!("order=asc&before={cursor}")).await, made[1..3]);
            assert_eq!(page(&format!("order=desc&after={cursor}")).await, [made[2].clone(), made[1].clone()]);
            assert_eq!(page(&format!("order=desc&before={cursor}")).await, [made[5].clone(), made[4].clone()]);
            assert_eq!(page(&format!("order=normal&before={cursor}")).await, [made[2].clone(), made[1].clone()]);
        }
        assert_eq!(t.get(format!("{ALL}?order=asc&before=authz_resource_0")).await.ok()["data"], json!([]));
        assert_eq!(t.get(format!("{ALL}?order=asc&after=authz_resource_z")).await.ok()["data"], json!([]));
    });
}

#[test]
fn who_waits_too_long_for_a_tree_is_told_so() {
    story(async |t| {
        let acme = acme(&t).await;
        let folder = t.resource(&acme, "folder", "f", None).await;
        let root: i64 = sqlx::query_scalar("select key from resources where id = $1")
            .bind(t.root(&acme).await["id"].as_str())
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        let mut other = t.app.database().pool().begin().await.unwrap();
        sqlx::query("select pg_advisory_xact_lock($1)").bind(root).execute(&mut *other).await.unwrap();
        let body = json!({ "organization_id": acme["id"], "resource_type_slug": "folder", "external_id": "g",
            "name": "G" });
        let by_name = named(&acme, "folder", "f");
        let (made, moved, deleted, renamed) = tokio::join!(
            t.post(ALL, body.clone()),
            put_below(&t, &folder, &folder),
            t.send(Method::DELETE, &by_name, None),
            t.patch(&by_name, json!({ "name": "New" })),
        );
        for answer in [made, moved, deleted, renamed] {
            answer.fails(400, "lock_timeout");
        }
        assert_eq!(t.get(path(&folder)).await.ok(), folder);
        other.rollback().await.unwrap();
        t.post(ALL, body).await.created();
    });
}
