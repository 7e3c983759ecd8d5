//! Organization memberships.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Test, story};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

fn path(membership: &Value) -> String {
    format!("{MEMBERSHIPS}/{}", membership["id"].as_str().unwrap())
}

/// The body of a membership of this user in this organization.
fn pair(user: &Value, organization: &Value) -> Value {
    json!({ "user_id": user["id"], "organization_id": organization["id"] })
}

/// The same, with a role.
fn with_role(user: &Value, organization: &Value, slug: &str) -> Value {
    json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": slug })
}

/// A user and an organization, and a membership between them.
async fn member(t: &Test) -> (Value, Value, Value) {
    let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
    let membership = t.post(MEMBERSHIPS, pair(&user, &organization)).await.created();
    (user, organization, membership)
}

/// Roles of the environment, highest first.
async fn roles(t: &Test, slugs: &[&str]) {
    for slug in slugs {
        t.post("/authorization/roles", json!({ "slug": slug, "name": slug })).await.created();
    }
}

/// Lets memberships of this environment have several roles.
async fn allow_multiple_roles(t: &Test) {
    sqlx::query("update environments set multiple_roles = true where key = $1")
        .bind(t.environment.key)
        .execute(t.app.database().pool())
        .await
        .unwrap();
}

/// Puts a membership into a status that no call of this family leads to.
async fn force_status(t: &Test, membership: &Value, status: &str) {
    sqlx::query("update organization_memberships set status = $2 where id = $1")
        .bind(membership["id"].as_str())
        .bind(status)
        .execute(t.app.database().pool())
        .await
        .unwrap();
}

/// How many role assignments there are in an organization.
async fn assignments(t: &Test, organization: &Value) -> i64 {
    sqlx::query_scalar("select count(*) from role_assignments where organization_id = $1")
        .bind(organization["id"].as_str())
        .fetch_one(t.app.database().pool())
        .await
        .unwrap()
}

#[test]
fn a_membership_is_made_found_and_deleted() {
    story(async |t| {
        let (user, organization, made) = member(&t).await;
        assert!(made["id"].as_str().unwrap().starts_with("om_"));
        let expected = json!({
            "object": "organization_membership", "id": made["id"], "user_id": user["id"],
            "organization_id": organization["id"], "organization_name": "Acme", "status": "active",
            "role": { "slug": "member" }, "roles": [{ "slug": "member" }], "directory_managed": false,
            "custom_attributes": {}, "user": user, "created_at": made["created_at"], "updated_at": made["created_at"],
        });
        assert_eq!(made, expected);
        assert_eq!(t.get(path(&made)).await.ok(), made);
        assert_eq!(t.put(path(&made), json!({})).await.ok(), made);

        t.delete(path(&made)).await.done();
        t.get(path(&made)).await.missing();
        t.delete(path(&made)).await.missing();
        t.put(path(&made), json!({})).await.missing();
        t.put(path(&made), json!({ "role_slug": "member" })).await.missing();
        assert_eq!(assignments(&t, &organization).await, 0);
        t.assert_events(&["organization_membership.created", "organization_membership.deleted"]).await;
    });
}

#[test]
fn events_show_a_membership_without_its_user() {
    story(async |t| {
        let (_, organization, mut made) = member(&t).await;
        let named = format!(
            "/events?events=organization_membership.created&organization_id={}",
            organization["id"].as_str().unwrap()
        );
        t.settle().await;
        let events = t.pages(&named).await;
        for absent in ["user", "organization_name"] {
            made.as_object_mut().unwrap().remove(absent);
        }
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["data"], made);
    });
}

#[test]
fn a_user_has_one_membership_in_an_organization() {
    story(async |t| {
        let (user, organization, _) = member(&t).await;
        let again = t.post(MEMBERSHIPS, pair(&user, &organization)).await.invalid(&["user_id"]);
        assert_eq!(again["errors"][0]["code"], "organization_membership_already_exists");
        assert!(again["message"].as_str().unwrap().contains("already exists"));
        let other = t.organization("Other").await;
        t.post(MEMBERSHIPS, pair(&user, &other)).await.created();
        t.assert_events(&["organization_membership.created", "organization_membership.created"]).await;
    });
}

#[test]
fn of_many_who_make_one_membership_at_once_one_does() {
    story(async |t| {
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        let answers = join_all((0..8).map(|_| t.post(MEMBERSHIPS, pair(&user, &organization)))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for answer in lost {
            answer.invalid(&["user_id"]);
        }
        assert_eq!(assignments(&t, &organization).await, 1);
        t.assert_events(&["organization_membership.created"]).await;
    });
}

#[test]
fn a_membership_needs_a_user_and_an_organization_that_exist() {
    story(async |t| {
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        t.post(MEMBERSHIPS, json!({})).await.invalid(&["user_id", "organization_id"]);
        t.post(MEMBERSHIPS, json!({ "user_id": "ann", "organization_id": 1 }))
            .await
            .invalid(&["user_id", "organization_id"]);
        let nobody = t.post(MEMBERSHIPS, pair(&json!({ "id": "user_none" }), &organization)).await.missing();
        assert_eq!(nobody["message"], "User not found: 'user_none'.");
        let nowhere = t.post(MEMBERSHIPS, with_role(&user, &json!({ "id": "org_none" }), "nothing")).await;
        assert_eq!(nowhere.missing()["message"], "Organization not found: 'org_none'.");
        let neighbour = t.neighbour().await;
        let (stranger, elsewhere) = (neighbour.user("ann@example.com").await, neighbour.organization("Acme").await);
        t.post(MEMBERSHIPS, pair(&stranger, &organization)).await.missing();
        t.post(MEMBERSHIPS, pair(&user, &elsewhere)).await.missing();
    });
}

#[test]
fn a_role_is_given_by_slug_and_changed_by_another() {
    story(async |t| {
        roles(&t, &["admin", "editor"]).await;
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        let made = t.post(MEMBERSHIPS, with_role(&user, &organization, "admin")).await.created();
        assert_eq!((&made["role"]["slug"], &made["roles"]), (&json!("admin"), &json!([{ "slug": "admin" }])));
        let same = t.put(path(&made), json!({ "role_slugs": ["admin", "admin"] })).await.ok();
        assert_eq!(same, made);
        let changed = t.put(path(&made), json!({ "role_slug": "editor" })).await.ok();
        assert_eq!((&changed["role"]["slug"], &changed["roles"]), (&json!("editor"), &json!([{ "slug": "editor" }])));
        assert_eq!(t.get(path(&made)).await.ok(), changed);
        assert_eq!(assignments(&t, &organization).await, 1);
        t.assert_events(&["organization_membership.created", "organization_membership.updated"]).await;
    });
}

#[test]
fn roles_that_a_membership_cannot_have_are_refused_and_change_nothing() {
    story(async |t| {
        roles(&t, &["admin"]).await;
        let (user, organization, made) = member(&t).await;
        for answer in [
            t.put(path(&made), json!({ "role_slug": "nope" })).await,
            t.post(MEMBERSHIPS, with_role(&t.user("bob@example.com").await, &organization, "nope")).await,
        ] {
            assert_eq!(answer.fails(422, "invalid_role")["message"], "Role 'nope' is not a valid role.");
        }
        let two = t.put(path(&made), json!({ "role_slugs": ["member", "admin"] })).await;
        let two = two.fails(422, "multiple_roles_not_enabled");
        assert_eq!(two["message"], "Multiple roles are not enabled for this environment.");
        let both = json!({ "role_slug": "admin", "role_slugs": ["admin"] });
        t.put(path(&made), both).await.invalid(&["role_slugs"]);
        t.put(path(&made), json!({ "role_slugs": [] })).await.invalid(&["role_slugs"]);
        let mut body = pair(&user, &organization);
        body["role_slugs"] = json!([1]);
        t.post(MEMBERSHIPS, body).await.invalid(&["role_slugs[0]"]);
        assert_eq!(t.get(path(&made)).await.ok(), made);
        t.assert_events(&["organization_membership.created"]).await;
    });
}

#[test]
fn a_role_for_something_smaller_than_an_organization_is_refused_by_its_name() {
    story(async |t| {
        t.resource_type("project", &["organization"]).await;
        let body = json!({ "slug": "project-editor", "name": "Editor", "resource_type_slug": "project" });
        t.post("/authorization/roles", body).await.created();
        let (.., made) = member(&t).await;
        let refused = t.put(path(&made), json!({ "role_slug": "project-editor" })).await;
        let refused = refused.fails(422, "sub_resource_scoped_role_not_allowed");
        assert_eq!(refused["role_slug"], "project-editor");
        assert_eq!(t.get(path(&made)).await.ok(), made);
    });
}

#[test]
fn of_several_roles_the_highest_is_the_primary_one() {
    story(async |t| {
        allow_multiple_roles(&t).await;
        roles(&t, &["first", "second"]).await;
        let (.., made) = member(&t).await;
        let changed = t.put(path(&made), json!({ "role_slugs": ["second", "member", "first"] })).await.ok();
        assert_eq!(changed["role"]["slug"], "member");
        assert_eq!(changed["roles"], json!([{ "slug": "member" }, { "slug": "first" }, { "slug": "second" }]));
        assert_eq!(t.get(path(&made)).await.ok(), changed);
        let fewer = t.put(path(&made), json!({ "role_slugs": ["second", "first"] })).await.ok();
        assert_eq!((&fewer["role"]["slug"], fewer["roles"].as_array().unwrap().len()), (&json!("first"), 2));
    });
}

#[test]
fn a_role_of_an_organization_belongs_to_its_members_only() {
    story(async |t| {
        let (user, organization, made) = member(&t).await;
        let own = format!("/authorization/organizations/{}/roles", organization["id"].as_str().unwrap());
        t.post(own, json!({ "slug": "org-owner", "name": "Owner" })).await.created();
        assert_eq!(t.put(path(&made), json!({ "role_slug": "org-owner" })).await.ok()["role"]["slug"], "org-owner");
        let other = t.organization("Other").await;
        t.post(MEMBERSHIPS, with_role(&user, &other, "org-owner")).await.fails(422, "invalid_role");
    });
}

#[test]
fn a_membership_is_deactivated_and_reactivated_with_its_role() {
    story(async |t| {
        roles(&t, &["admin"]).await;
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        let made = t.post(MEMBERSHIPS, with_role(&user, &organization, "admin")).await.created();
        let (off, on) = (format!("{}/deactivate", path(&made)), format!("{}/reactivate", path(&made)));
        assert_eq!(t.put(&on, json!({})).await.ok(), made);
        let inactive = t.put(&off, json!({})).await.ok();
        assert_eq!((&inactive["status"], &inactive["role"]["slug"]), (&json!("inactive"), &json!("admin")));
        assert_eq!(t.send(axum::http::Method::PUT, &off, None).await.ok(), inactive);
        let active = t.put(&on, json!({})).await.ok();
        assert_eq!((&active["status"], &active["role"]["slug"]), (&json!("active"), &json!("admin")));
        t.assert_events(&[
            "organization_membership.created",
            "organization_membership.updated",
            "organization_membership.updated",
        ])
        .await;
    });
}

#[test]
fn a_former_member_who_is_added_again_has_the_role_given_now() {
    story(async |t| {
        roles(&t, &["admin"]).await;
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        let made = t.post(MEMBERSHIPS, with_role(&user, &organization, "admin")).await.created();
        let off = format!("{}/deactivate", path(&made));
        t.put(&off, json!({})).await.ok();
        let again = t.post(MEMBERSHIPS, pair(&user, &organization)).await.created();
        assert_eq!((&again["id"], &again["status"]), (&made["id"], &json!("active")));
        assert_eq!(again["role"]["slug"], "member");
        assert_eq!(t.get(path(&made)).await.ok(), again);
        t.put(&off, json!({})).await.ok();
        t.post(MEMBERSHIPS, with_role(&user, &organization, "nope")).await.fails(422, "invalid_role");
        assert_eq!(t.get(path(&made)).await.ok()["status"], "inactive");
        t.assert_events(&[
            "organization_membership.created",
            "organization_membership.updated",
            "organization_membership.updated",
            "organization_membership.updated",
        ])
        .await;
    });
}

#[test]
fn a_pending_membership_waits_for_its_user() {
    story(async |t| {
        let (user, organization, made) = member(&t).await;
        force_status(&t, &made, "pending").await;
        let cannot = "cannot_reactivate_pending_organization_membership";
        t.post(MEMBERSHIPS, pair(&user, &organization)).await.fails(400, cannot);
        t.put(format!("{}/reactivate", path(&made)), json!({})).await.fails(400, cannot);
        let cannot = "cannot_deactivate_pending_organization_membership";
        t.put(format!("{}/deactivate", path(&made)), json!({})).await.fails(400, cannot);
        assert_eq!(t.get(path(&made)).await.ok()["status"], "pending");
        t.delete(path(&made)).await.done();
    });
}

#[test]
fn memberships_are_listed_of_a_user_or_of_an_organization() {
    story(async |t| {
        t.get(MEMBERSHIPS).await.fails(400, "missing_user_id_or_organization_id");
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        let mut made = Vec::new();
        for name in ["active", "inactive", "pending"] {
            let user = t.user(&format!("{name}@example.com")).await;
            let membership = t.post(MEMBERSHIPS, pair(&user, &acme)).await.created();
            force_status(&t, &membership, name).await;
            made.push(membership);
        }
        let active = json!({ "id": made[0]["user_id"] });
        t.post(MEMBERSHIPS, pair(&active, &other)).await.created();
        let list = async |query: String| -> Vec<String> {
            let rows = t.pages(&format!("{MEMBERSHIPS}?limit=1&order=asc&{query}")).await;
            rows.iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
        };
        let acme = format!("organization_id={}", acme["id"].as_str().unwrap());
        let user = format!("user_id={}", made[0]["user_id"].as_str().unwrap());
        assert_eq!(list(acme.clone()).await, ["active"]);
        assert_eq!(list(user.clone()).await, ["active", "active"]);
        assert_eq!(list(format!("{user}&{acme}")).await, ["active"]);
        for form in [
            "statuses=inactive,pending",
            "statuses=inactive%2Cpending",
            "statuses=inactive&statuses=pending",
            "statuses[]=inactive&statuses[]=pending",
            "statuses%5B0%5D=inactive&statuses%5B1%5D=pending",
        ] {
            assert_eq!(list(format!("{acme}&{form}")).await, ["inactive", "pending"], "{form}");
        }
        assert_eq!(list(format!("{acme}&statuses=")).await, ["active"]);
        t.get(format!("{MEMBERSHIPS}?{acme}&statuses=gone")).await.invalid(&["statuses[0]"]);
        t.get(format!("{MEMBERSHIPS}?user_id=ann")).await.invalid(&["user_id"]);
        assert!(list("user_id=user_none".to_owned()).await.is_empty());
        assert!(t.neighbour().await.pages(&format!("{MEMBERSHIPS}?{acme}")).await.is_empty());
    });
}

#[test]
fn users_are_listed_by_their_organization() {
    story(async |t| {
        let (user, organization, _) = member(&t).await;
        t.user("bob@example.com").await;
        for name in ["organization_id", "organization"] {
            let query = format!("/user_management/users?{name}={}", organization["id"].as_str().unwrap());
            assert_eq!(t.pages(&query).await, std::slice::from_ref(&user));
        }
        assert!(t.pages("/user_management/users?organization_id=org_none").await.is_empty());
    });
}

#[test]
fn memberships_end_with_their_user() {
    story(async |t| {
        let (user, organization, _) = member(&t).await;
        let second = t.organization("Second").await;
        t.post(MEMBERSHIPS, pair(&user, &second)).await.created();
        let other = t.user("bob@example.com").await;
        let stays = t.post(MEMBERSHIPS, pair(&other, &organization)).await.created();
        t.delete(format!("/user_management/users/{}", user["id"].as_str().unwrap())).await.done();
        assert_eq!((assignments(&t, &organization).await, assignments(&t, &second).await), (1, 0));
        assert_eq!(t.get(path(&stays)).await.ok(), stays);
        let names = ["organization_membership.deleted", "user.deleted"];
        let events = t.events(&names).await;
        let happened: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(happened, [names[0], names[0], names[1]]);
        assert_eq!(events[0]["data"]["role"]["slug"], "member");
    });
}

#[test]
fn memberships_end_with_their_organization_and_users_stay() {
    story(async |t| {
        let (user, organization, made) = member(&t).await;
        t.delete(format!("/organizations/{}", organization["id"].as_str().unwrap())).await.accepted();
        t.get(path(&made)).await.missing();
        assert_eq!(assignments(&t, &organization).await, 0);
        assert_eq!(t.get(format!("/user_management/users/{}", user["id"].as_str().unwrap())).await.ok(), user);
        let events = t.events(&["organization_membership.deleted", "organization.deleted"]).await;
        assert_eq!(events[0]["event"], "organization_membership.deleted");
        assert_eq!((events[0]["data"]["id"].clone(), events.len()), (made["id"].clone(), 2));
    });
}

#[test]
fn a_membership_made_while_its_user_is_deleted_is_gone_with_them_or_never_was() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        for i in 0..8 {
            let user = t.user(&format!("user{i}@example.com")).await;
            let address = format!("/user_management/users/{}", user["id"].as_str().unwrap());
            let (made, deleted) = tokio::join!(t.post(MEMBERSHIPS, pair(&user, &organization)), t.delete(address));
            deleted.done();
            assert!([201, 404].contains(&made.status.as_u16()), "{}", made.body);
        }
        assert_eq!(assignments(&t, &organization).await, 0);
        let named = ["organization_membership.created", "organization_membership.deleted"];
        let events = t.events(&named).await;
        let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!(of(named[0]), of(named[1]));
    });
}

#[test]
fn a_neighbour_neither_sees_nor_changes_a_membership() {
    story(async |t| {
        let (.., made) = member(&t).await;
        let neighbour = t.neighbour().await;
        neighbour.get(path(&made)).await.missing();
        neighbour.put(path(&made), json!({ "role_slug": "member" })).await.missing();
        neighbour.put(format!("{}/deactivate", path(&made)), json!({})).await.missing();
        neighbour.put(format!("{}/reactivate", path(&made)), json!({})).await.missing();
        neighbour.delete(path(&made)).await.missing();
        assert_eq!(t.get(path(&made)).await.ok(), made);
    });
}

#[test]
fn of_two_roles_given_at_once_one_stands() {
    story(async |t| {
        roles(&t, &["admin", "editor"]).await;
        let (_, organization, made) = member(&t).await;
        for _ in 0..6 {
            let (admin, editor) = tokio::join!(
                t.put(path(&made), json!({ "role_slug": "admin" })),
                t.put(path(&made), json!({ "role_slug": "editor" })),
            );
            admin.ok();
            editor.ok();
            assert_eq!(assignments(&t, &organization).await, 1);
        }
    });
}
