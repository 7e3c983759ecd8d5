//! Why a decision comes out as it does, and many decisions in one request.

use serde_json::{Value, json};

use super::world::{ROOT, World, id};
use crate::harness::{Test, story};

/// A project in a workspace with two apps, and ann who leads the project.
async fn world(t: Test) -> World {
    t.resource_type("workspace", &["organization"]).await;
    t.resource_type("project", &["workspace"]).await;
    t.resource_type("app", &["project"]).await;
    let mut world = World::new(t).await;
    world.permission("app:read", "app").await;
    world.permission("app:write", "app").await;
    world.role("lead", "project", &["app:read"]).await;
    world.role("guest", "app", &["app:read"]).await;
    world.role("overseer", "organization", &["app:read", "app:write"]).await;
    for (name, kind, parent) in
        [("w", "workspace", ROOT), ("p", "project", "w"), ("a", "app", "p"), ("b", "app", "p"), ("q", "project", "w")]
    {
        world.resource(name, kind, parent).await;
    }
    world.member("ann").await;
    world.assign("ann", "lead", "p").await;
    world
}

/// Role, place, distance and group of each of these.
fn told(explanation: &Value, key: &str) -> Vec<String> {
    let row = |row: &Value| {
        let group = row["group"]["name"].as_str().map(|name| format!(" by {name}")).unwrap_or_default();
        let distance = row["distance"].as_i64().map(|levels| format!(" {levels}")).unwrap_or_default();
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        format!("{} {}{distance} on {}{group}", word("role_slug"), word("relation"), word("resource_external_id"))
    };
    explanation[key].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn an_explanation_names_the_way_and_the_nearest_misses() {
    story(async |t| {
        let mut world = world(t).await;
        world.group("team").await;
        world.join("ann", "team").await;
        world.assign("team", "guest", "a").await;
        let yes = world.explain("ann", "app:read", "a").await;
        assert_eq!((&yes["object"], &yes["authorized"]), (&json!("authorization_explanation"), &json!(true)));
        assert_eq!(told(&yes, "granted_by"), ["guest on 0 on a by team", "lead above 1 on p"]);
        assert_eq!(yes["granted_by"][0]["group"]["id"], world.groups["team"].as_str());
        assert_eq!(yes["granted_by"][0]["role_assignment_id"], world.assignments[&key("team", "guest", "a")].as_str());
        assert_eq!(yes["granted_by"][1]["role_assignment_id"], world.assignments[&key("ann", "lead", "p")].as_str());
        assert_eq!(yes["roles_with_permission"], json!(["guest", "lead", "overseer"]));
        assert_eq!(yes["resource_id"], world.resources["a"].as_str());

        // Roles on the way, but without the permission; the roles that have it.
        let no = world.explain("ann", "app:write", "a").await;
        assert_eq!((&no["authorized"], &no["granted_by"]), (&json!(false), &json!([])));
        let organization = id(&world.organization);
        assert_eq!(
            told(&no, "without_permission"),
            ["guest on 0 on a by team", "lead above 1 on p", &format!("member above 3 on {organization}")]
        );
        assert_eq!(no["roles_with_permission"], json!(["overseer"]));
        // Roles with the permission, but elsewhere: what is below comes first.
        let no = world.explain("ann", "app:read", "w").await;
        assert_eq!((&no["authorized"], &no["elsewhere"][0]["distance"]), (&json!(false), &Value::Null));
        assert_eq!(told(&no, "elsewhere"), ["lead below on p", "guest below on a by team"]);
        let no = world.explain("ann", "app:read", "q").await;
        assert_eq!(told(&no, "elsewhere"), ["lead beside on p", "guest beside on a by team"]);
        // There is no such permission; who is inactive has nothing.
        let no = world.explain("ann", "app:fly", "a").await;
        assert_eq!((&no["permission_exists"], &no["roles_with_permission"]), (&json!(false), &json!([])));
        world.set_active("ann", false).await;
        let no = world.explain("ann", "app:read", "a").await;
        assert_eq!((&no["membership_status"], &no["authorized"]), (&json!("inactive"), &json!(false)));
        assert_eq!(told(&no, "granted_by").len(), 2);
    });
}

fn key(subject: &str, role: &str, resource: &str) -> (String, String, String) {
    (subject.to_owned(), role.to_owned(), resource.to_owned())
}

#[test]
fn what_cannot_be_explained_is_missing() {
    story(async |t| {
        let world = world(t).await;
        let (t, ann, app) = (world.t.operator(), &world.members["ann"], &world.resources["a"]);
        let of = |environment: &str| format!("/admin/v1/environments/{environment}/authorization/explain");
        let path = of(world.t.environment.id.as_str());
        t.get(&path).await.invalid(&["membership", "permission", "resource"]);
        t.get(format!("{path}?membership=om_x&permission=app:read&resource={app}")).await.missing();
        t.get(format!("{path}?membership={ann}&permission=app:read&resource=authz_resource_x")).await.missing();
        let other = world.t.organization("Other").await;
        let root = id(&world.t.root(&other).await);
        t.get(format!("{path}?membership={ann}&permission=app:read&resource={root}")).await.missing();
        let neighbour = of(world.t.neighbour().await.environment.id.as_str());
        t.get(format!("{neighbour}?membership={ann}&permission=app:read&resource={app}")).await.missing();
        t.get(format!("{}?membership={ann}&permission=x&resource={app}", of("environment_x"))).await.missing();
    });
}

#[test]
fn many_checks_in_one_request_are_answered_in_their_order() {
    story(async |t| {
        let world = world(t).await;
        let path = format!("/admin/v1/environments/{}/authorization/check", world.t.environment.id);
        let (ann, app) = (&world.members["ann"], &world.resources["a"]);
        let check = |membership: &str, permission: &str, resource: &str| json!({ "organization_membership_id": membership, "permission_slug": permission, "resource_id": resource });
        let mut checks = vec![
            check(ann, "app:read", app),
            check(ann, "app:write", app),
            check(ann, "app:read", "authz_resource_x"),
            check("om_x", "app:read", app),
        ];
        checks.push(json!({ "organization_membership_id": ann, "permission_slug": "app:read",
            "resource_type_slug": "app", "resource_external_id": "b" }));
        let t = world.t.operator();
        let answer = t.post(&path, json!({ "checks": checks })).await.ok();
        let missing = |what: &str| json!({ "code": "entity_not_found", "message": what });
        assert_eq!(
            answer,
            json!({ "object": "list", "data": [
                { "authorized": true, "error": null },
                { "authorized": false, "error": null },
                { "authorized": false, "error": missing("Authorization resource not found: 'authz_resource_x'.") },
                { "authorized": false, "error": missing("Organization membership not found: 'om_x'.") },
                { "authorized": true, "error": null },
            ] })
        );
        assert_eq!(t.post(&path, json!({ "checks": [] })).await.ok()["data"], json!([]));
        let many = vec![check(ann, "app:read", app); 1000];
        let answer = t.post(&path, json!({ "checks": many })).await.ok();
        assert!(answer["data"].as_array().unwrap().iter().all(|row| row["authorized"] == true));
        t.post(&path, json!({})).await.invalid(&["checks"]);
        t.post(&path, json!({ "checks": vec![check(ann, "x", app); 1001] })).await.invalid(&["checks"]);
        t.post(&path, json!({ "checks": [{ "permission_slug": "x" }] }))
            .await
            .invalid(&["checks[0].organization_membership_id", "checks[0].resource_id"]);
        world.t.post(&path, json!({ "checks": [] })).await.fails(401, "unauthorized");
    });
}
