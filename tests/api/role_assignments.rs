//! Role assignments of memberships, and those on a resource.

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule::kernel::id::OrganizationId;

use crate::harness::{Answer, Test, closure_is_sound, story};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// Where the assignments of a membership are.
pub fn of(membership: &Value) -> String {
    format!("/authorization/organization_memberships/{}/role_assignments", id(membership))
}

/// A new user's membership of the organization.
pub async fn member(t: &Test, organization: &Value) -> Value {
    let user = t.user(&format!("{}@example.com", t.app.database().mint.ulid())).await;
    let pair = json!({ "user_id": user["id"], "organization_id": organization["id"] });
    t.post(MEMBERSHIPS, pair).await.created()
}

/// A role of the environment, given on resources of this type.
pub async fn role(t: &Test, slug: &str, kind: &str) {
    let body = json!({ "slug": slug, "name": slug, "resource_type_slug": kind });
    t.post("/authorization/roles", body).await.created();
}

/// A project directly below the organization; its id.
pub async fn project(t: &Test, organization: &Value, external_id: &str) -> String {
    id(&t.resource(organization, "project", external_id, None).await).to_owned()
}

/// A body that names a role on a project.
pub fn on(role: &str, external_id: &str) -> Value {
    json!({ "role_slug": role, "resource_external_id": external_id, "resource_type_slug": "project" })
}

/// A body that names a role on the organization.
fn on_root(role: &str, organization: &Value) -> Value {
    json!({ "role_slug": role, "resource_external_id": organization["id"], "resource_type_slug": "organization" })
}

async fn remove(t: &Test, membership: &Value, criteria: Value) -> Answer {
    t.send(Method::DELETE, &of(membership), Some(criteria)).await
}

/// The slugs of the roles that a list shows.
pub fn slugs(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["role"]["slug"].as_str().unwrap()).collect()
}

pub async fn allow_multiple_roles(t: &Test) {
    let path = format!("/admin/v1/environments/{}/settings", t.environment.id);
    t.operator().patch(path, json!({ "multiple_roles": true })).await.ok();
}

/// An organization with a project `p1`, roles `editor` and `viewer` on projects, and a member.
async fn world(t: &Test) -> (Value, String, Value) {
    let organization = t.organization("Acme").await;
    t.resource_type("project", &["organization"]).await;
    let project = project(t, &organization, "p1").await;
    role(t, "editor", "project").await;
    role(t, "viewer", "project").await;
    let ann = member(t, &organization).await;
    (organization, project, ann)
}

#[test]
fn a_role_is_given_on_a_resource_shown_and_taken() {
    story(async |t| {
        let (_, project, ann) = world(&t).await;
        let made = t.post(of(&ann), on("editor", "p1")).await.created();
        assert!(id(&made).starts_with("role_assignment_"));
        let expected = json!({
            "object": "role_assignment", "id": made["id"], "organization_membership_id": ann["id"],
            "role": { "slug": "editor" },
            "resource": { "id": project, "external_id": "p1", "resource_type_slug": "project" },
            "source": { "type": "direct", "group_role_assignment_id": null, "group": null },
            "created_at": made["created_at"], "updated_at": made["created_at"],
        });
        assert_eq!(made, expected);
        // The same again, by the resource's other name: nothing new.
        let again = json!({ "role_slug": "editor", "resource_id": project });
        assert_eq!(t.post(of(&ann), again).await.created(), made);
        let second = t.post(of(&ann), on("viewer", "p1")).await.created();
        let all = t.pages(&of(&ann)).await;
        assert_eq!(slugs(&all), ["viewer", "editor", "member"]);
        assert_eq!(all[..2], [second.clone(), made.clone()]);
        assert_eq!(all[2]["resource"]["resource_type_slug"], "organization");

        t.delete(format!("{}/{}", of(&ann), id(&made))).await.no_content();
        t.delete(format!("{}/{}", of(&ann), id(&made))).await.missing();
        remove(&t, &ann, on("viewer", "p1")).await.no_content();
        remove(&t, &ann, on("viewer", "p1")).await.missing();
        assert_eq!(slugs(&t.pages(&of(&ann)).await), ["member"]);
        // Nothing of this is an event.
        t.assert_events(&["organization_membership.created"]).await;
    });
}

/// Two SDKs put it there, all of it or the resource alone.
#[test]
fn what_is_taken_may_be_named_in_the_query() {
    story(async |t| {
        let (_, project, ann) = world(&t).await;
        let give = async || drop(t.post(of(&ann), on("editor", "p1")).await.created());
        let path = |query: &str| format!("{}?{query}", of(&ann));
        give().await;
        let all = path("role_slug=editor&resource_external_id=p1&resource_type_slug=project");
        t.delete(&all).await.no_content();
        t.delete(&all).await.missing();
        give().await;
        let resource = path(&format!("resource_id={project}"));
        t.send(Method::DELETE, &resource, Some(json!({ "role_slug": "editor" }))).await.no_content();
        // The body counts where both say something.
        give().await;
        let role = path("role_slug=viewer");
        t.send(Method::DELETE, &role, Some(on("editor", "p1"))).await.no_content();
        assert_eq!(slugs(&t.pages(&of(&ann)).await), ["member"]);

        t.delete(&resource).await.invalid(&["role_slug"]);
        t.delete(path("role_slug=editor")).await.invalid(&["resource_id"]);
        t.delete(path("role_slug=a&role_slug=b")).await.invalid(&["role_slug", "resource_id"]);
        t.send(Method::DELETE, &all, Some(json!([]))).await.fails(422, "invalid_request_parameters");
    });
}

#[test]
fn faults_of_an_assignment_are_named() {
    story(async |t| {
        let (organization, project, ann) = world(&t).await;
        let target = ["resource_id"];
        t.post(of(&ann), json!({})).await.invalid(&["role_slug", "resource_id"]);
        t.post(of(&ann), json!({ "role_slug": "editor" })).await.invalid(&target);
        let both = json!({ "role_slug": "editor", "resource_id": project, "resource_external_id": "p1" });
        t.post(of(&ann), both.clone()).await.invalid(&target);
        remove(&t, &ann, both).await.invalid(&target);
        remove(&t, &ann, json!({ "role_slug": "editor" })).await.invalid(&target);
        let half = json!({ "role_slug": "editor", "resource_type_slug": "project" });
        t.post(of(&ann), half).await.invalid(&["resource_external_id"]);

        t.post(of(&ann), on("nobody", "p1")).await.missing();
        t.post(of(&ann), on("editor", "p2")).await.missing();
        t.post(of(&json!({ "id": "om_none" })), on("editor", "p1")).await.missing();
        t.get(of(&json!({ "id": "om_none" }))).await.missing();
        remove(&t, &ann, on("nobody", "p1")).await.missing();
        t.delete(format!("{}/role_assignment_none", of(&ann))).await.missing();

        // A role is given on resources of its own type, and nowhere else.
        let body = t.post(of(&ann), on("member", "p1")).await.fails(422, "role_resource_type_mismatch");
        assert_eq!(body["role_slug"], "member");
        t.post(of(&ann), on_root("editor", &organization)).await.fails(422, "role_resource_type_mismatch");
        // Nor is a role or a resource of another organization there.
        let other = t.organization("Other").await;
        let own = json!({ "slug": "org-own", "name": "Own", "resource_type_slug": "project" });
        t.post(format!("/authorization/organizations/{}/roles", id(&other)), own).await.created();
        t.post(of(&ann), on("org-own", "p1")).await.missing();
        let theirs = self::project(&t, &other, "theirs").await;
        t.post(of(&ann), json!({ "role_slug": "editor", "resource_id": theirs })).await.missing();
        t.post(of(&ann), on_root("member", &other)).await.missing();
        assert_eq!(slugs(&t.pages(&of(&ann)).await), ["member"]);
    });
}

#[test]
fn a_role_of_the_organization_s_own_is_given_as_one_of_the_environment() {
    story(async |t| {
        let (organization, _, ann) = world(&t).await;
        let own = json!({ "slug": "org-own", "name": "Own", "resource_type_slug": "project" });
        let roles = format!("/authorization/organizations/{}/roles", id(&organization));
        t.post(&roles, own).await.created();
        let made = t.post(of(&ann), on("org-own", "p1")).await.created();
        t.delete(format!("{roles}/org-own")).await.fails(409, "role_has_assignments");
        t.delete(format!("{}/{}", of(&ann), id(&made))).await.no_content();
        t.delete(format!("{roles}/org-own")).await.no_content();
    });
}

#[test]
fn on_the_organization_an_assignment_is_a_role_of_the_membership() {
    story(async |t| {
        let (organization, _, ann) = world(&t).await;
        role(&t, "admin", "organization").await;
        t.post(of(&ann), on_root("admin", &organization)).await.fails(422, "multiple_roles_not_enabled");
        // The role that it has is there already.
        let held = t.post(of(&ann), on_root("member", &organization)).await.created();
        assert_eq!(t.pages(&of(&ann)).await, std::slice::from_ref(&held));
        assert_eq!(held["resource"]["external_id"], organization["id"]);

        allow_multiple_roles(&t).await;
        let made = t.post(of(&ann), on_root("admin", &organization)).await.created();
        let path = format!("{MEMBERSHIPS}/{}", id(&ann));
        let two = t.get(&path).await.ok();
        assert_eq!(two["roles"], json!([{ "slug": "member" }, { "slug": "admin" }]));
        assert_eq!(slugs(&t.pages(&of(&ann)).await), ["admin", "member"]);
        t.delete(format!("{}/{}", of(&ann), id(&held))).await.no_content();
        assert_eq!(t.get(&path).await.ok()["roles"], json!([{ "slug": "admin" }]));

        // With its last role gone it has the default one, which is not taken when it is the last.
        t.delete(format!("{}/{}", of(&ann), id(&made))).await.no_content();
        assert_eq!(t.get(&path).await.ok()["roles"], json!([{ "slug": "member" }]));
        remove(&t, &ann, on_root("member", &organization)).await.fails(403, "last_role_is_default");
        assert_eq!(slugs(&t.pages(&of(&ann)).await), ["member"]);
        let updated = "organization_membership.updated";
        t.assert_events(&["organization_membership.created", updated, updated, updated]).await;
        let events = t.events(&[updated]).await;
        let shown: Vec<_> = events.iter().map(|event| slugs_of(&event["data"]["roles"])).collect();
        assert_eq!(shown, [vec!["member", "admin"], vec!["admin"], vec!["member"]]);
    });
}

fn slugs_of(roles: &Value) -> Vec<&str> {
    roles.as_array().unwrap().iter().map(|role| role["slug"].as_str().unwrap()).collect()
}

#[test]
fn the_organization_goes_by_each_of_its_names() {
    story(async |t| {
        let organization = t.post("/organizations", json!({ "name": "Acme", "external_id": "acme" })).await.created();
        let ann = member(&t, &organization).await;
        let by = |name: &str| json!({ "role_slug": "member", "resource_external_id": name, "resource_type_slug": "organization" });
        let held = t.post(of(&ann), by("acme")).await.created();
        assert_eq!(held["resource"]["external_id"], "acme");
        assert_eq!(t.post(of(&ann), by(id(&organization))).await.created(), held);
        let by_id = json!({ "role_slug": "member", "resource_id": held["resource"]["id"] });
        assert_eq!(t.post(of(&ann), by_id).await.created(), held);
        let path =
            format!("/authorization/organizations/{}/resources/organization/acme/role_assignments", id(&organization));
        assert_eq!(t.pages(&path).await, [held]);
    });
}

#[test]
fn a_list_shows_what_is_asked_for() {
    story(async |t| {
        let (organization, p1, ann) = world(&t).await;
        project(&t, &organization, "p2").await;
        for (role, project) in [("editor", "p1"), ("viewer", "p1"), ("editor", "p2")] {
            t.post(of(&ann), on(role, project)).await.created();
        }
        let listed = async |query: &str| {
            let rows = t.pages(&format!("{}?limit=1&{query}", of(&ann))).await;
            rows.iter()
                .map(|row| (row["role"]["slug"].clone(), row["resource"]["external_id"].clone()))
                .collect::<Vec<_>>()
        };
        let pair = |role: &str, name: &Value| (json!(role), name.clone());
        let (one, two) = (json!("p1"), json!("p2"));
        let both = vec![pair("viewer", &one), pair("editor", &one)];
        assert_eq!(listed(&format!("resource_id={p1}")).await, both);
        assert_eq!(listed("resource_external_id=p1").await, both);
        assert_eq!(listed("resource_external_id=p1&resource_type_slug=project").await, both);
        assert_eq!(listed("resource_external_id=p1&resource_type_slug=organization").await, []);
        assert_eq!(listed(&format!("resource_id={p1}&resource_external_id=p2")).await, []);
        let all = vec![pair("editor", &two), both[0].clone(), both[1].clone()];
        assert_eq!(listed("resource_type_slug=project").await, all);
        let root = pair("member", &organization["id"]);
        assert_eq!(listed("resource_type_slug=organization").await, std::slice::from_ref(&root));
        assert_eq!(listed(&format!("resource_external_id={}", id(&organization))).await, [root]);
        assert_eq!(listed("resource_type_slug=planet").await, []);
        assert_eq!(listed("resource_id=authz_resource_none").await, []);
    });
}

#[test]
fn pages_go_on_where_an_assignment_was_taken() {
    story(async |t| {
        let (organization, _, ann) = world(&t).await;
        let mut made = Vec::new();
        for i in 2..7 {
            project(&t, &organization, &format!("p{i}")).await;
            made.push(t.post(of(&ann), on("editor", &format!("p{i}"))).await.created());
        }
        let gone = id(&made[2]).to_owned();
        t.delete(format!("{}/{gone}", of(&ann))).await.no_content();
        let listed =
            async |query: String| t.get(format!("{}?{query}", of(&ann))).await.ok()["data"].as_array().unwrap().clone();
        let project = "resource_type_slug=project";
        assert_eq!(listed(format!("{project}&after={gone}")).await, [made[1].clone(), made[0].clone()]);
        assert_eq!(listed(format!("{project}&before={gone}")).await, [made[4].clone(), made[3].clone()]);
        assert_eq!(listed(format!("{project}&order=asc&after={gone}")).await, made[3..]);
        assert_eq!(listed(format!("{project}&order=normal&before={gone}")).await, [made[1].clone(), made[0].clone()]);
        t.get(format!("{}?after=gra_x", of(&ann))).await.invalid(&["after"]);
    });
}

#[test]
fn a_resource_shows_who_was_given_what_on_it_and_nothing_from_above() {
    story(async |t| {
        let (organization, p1, ann) = world(&t).await;
        let bob = member(&t, &organization).await;
        let first = t.post(of(&ann), on("editor", "p1")).await.created();
        let second = t.post(of(&bob), on("viewer", "p1")).await.created();
        let third = t.post(of(&bob), on("editor", "p1")).await.created();
        let by_id = format!("/authorization/resources/{p1}/role_assignments");
        let by_name =
            format!("/authorization/organizations/{}/resources/project/p1/role_assignments", id(&organization));
        for path in [&by_id, &by_name] {
            assert_eq!(t.pages(&format!("{path}?limit=1")).await, [third.clone(), second.clone(), first.clone()]);
            assert_eq!(t.pages(&format!("{path}?limit=1&role_slug=editor")).await, [third.clone(), first.clone()]);
            assert_eq!(t.pages(&format!("{path}?role_slug=nobody")).await, [] as [Value; 0]);
        }
        t.get("/authorization/resources/authz_resource_none/role_assignments").await.missing();
        t.get(by_name.replace("p1", "p2")).await.missing();
        t.get(by_name.replace("/project/", "/planet/")).await.missing();
        t.get(by_name.replace(id(&organization), "org_none")).await.missing();

        // Who is not active keeps what they were given.
        t.put(format!("{MEMBERSHIPS}/{}/deactivate", id(&bob)), json!({})).await.ok();
        assert_eq!(t.pages(&by_id).await.len(), 3);
        t.post(of(&bob), on("viewer", "p1")).await.created();
        t.delete(format!("{MEMBERSHIPS}/{}", id(&bob))).await.done();
        assert_eq!(t.pages(&by_id).await, [first]);
    });
}

#[test]
fn a_neighbour_finds_and_gives_nothing() {
    story(async |t| {
        let (organization, p1, ann) = world(&t).await;
        let made = t.post(of(&ann), on("editor", "p1")).await.created();
        let stranger = t.neighbour().await;
        let (_, theirs, bob) = world(&stranger).await;
        stranger.get(of(&ann)).await.missing();
        stranger.post(of(&ann), on("editor", "p1")).await.missing();
        stranger.delete(format!("{}/{}", of(&ann), id(&made))).await.missing();
        stranger.delete(format!("{}/{}", of(&bob), id(&made))).await.missing();
        stranger.get(format!("/authorization/resources/{p1}/role_assignments")).await.missing();
        let path = format!("/authorization/organizations/{}/resources/project/p1/role_assignments", id(&organization));
        stranger.get(path).await.missing();
        t.post(of(&ann), json!({ "role_slug": "editor", "resource_id": theirs })).await.missing();
        assert_eq!(stranger.pages(&format!("{}?resource_id={p1}", of(&bob))).await, [] as [Value; 0]);
        assert_eq!(t.pages(&of(&ann)).await.len(), 2);
    });
}

#[test]
fn a_role_given_many_times_at_once_is_given_once() {
    story(async |t| {
        let (organization, _, ann) = world(&t).await;
        allow_multiple_roles(&t).await;
        role(&t, "admin", "organization").await;
        for body in [on("editor", "p1"), on_root("admin", &organization)] {
            let answers = join_all((0..8).map(|_| t.post(of(&ann), body.clone()))).await;
            let ids: std::collections::HashSet<_> =
                answers.into_iter().map(|answer| id(&answer.created()).to_owned()).collect();
            assert_eq!(ids.len(), 1);
        }
        assert_eq!(t.pages(&of(&ann)).await.len(), 3);
        assert_eq!(t.events(&["organization_membership.updated"]).await.len(), 1);
        let path = of(&ann);
        let answers = join_all((0..8).map(|_| t.send(Method::DELETE, &path, Some(on("editor", "p1"))))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
        assert!(answers.iter().all(|answer| answer.status == 204 || answer.status == 404));
    });
}

/// What is left of assignments whose membership, group, role or resource is gone.
pub async fn orphans(t: &Test) -> i64 {
    let left = "select count(*) from role_assignments a
         where a.environment = $1 and not (
             exists (select from organization_memberships m where m.subject = a.subject and m.organization_id = a.organization_id)
             or exists (select from groups g where g.subject = a.subject and g.organization_id = a.organization_id))";
    sqlx::query_scalar(left).bind(t.environment.key).fetch_one(t.app.database().pool()).await.unwrap()
}

#[test]
fn what_is_deleted_while_it_is_assigned_leaves_nothing_behind() {
    story(async |t| {
        let (organization, _, _) = world(&t).await;
        let roles = format!("/authorization/organizations/{}/roles", id(&organization));
        for round in 0..12 {
            let name = format!("brief{round}");
            let brief = project(&t, &organization, &name).await;
            let body = json!({ "slug": "org-brief", "name": "Brief", "resource_type_slug": "project" });
            t.post(&roles, body).await.created();
            let (ann, bob) = (member(&t, &organization).await, member(&t, &organization).await);
            let brief = format!("/authorization/resources/{brief}?cascade_delete=true");
            let role = format!("{roles}/org-brief");
            let leaves = format!("{MEMBERSHIPS}/{}", id(&ann));
            let (a, b, c, d, e, f) = tokio::join!(
                t.post(of(&ann), on("editor", &name)),
                t.post(of(&bob), on("org-brief", &name)),
                t.delete(&leaves),
                t.delete(&role),
                t.delete(&brief),
                t.post(of(&bob), on("viewer", &name)),
            );
            e.no_content();
            c.done();
            assert!([204, 409].contains(&d.status.as_u16()), "{}", d.body);
            for answer in [a, b, f] {
                assert!([201, 404].contains(&answer.status.as_u16()), "{}: {}", answer.what, answer.body);
            }
            assert_eq!(slugs(&t.pages(&of(&bob)).await), ["member"]);
            if d.status == 409 {
                t.delete(&role).await.no_content();
            }
            assert_eq!(orphans(&t).await, 0);
            closure_is_sound(&t).await;
        }
    });
}

#[test]
fn an_organization_is_deleted_while_roles_are_given_in_it() {
    story(async |t| {
        role(&t, "admin", "organization").await;
        allow_multiple_roles(&t).await;
        t.resource_type("project", &["organization"]).await;
        role(&t, "editor", "project").await;
        for _ in 0..8 {
            let organization = t.organization("Brief").await;
            project(&t, &organization, "p1").await;
            let members = [member(&t, &organization).await, member(&t, &organization).await];
            let path = format!("/organizations/{}", id(&organization));
            let (gone, a, b, c) = tokio::join!(
                t.delete(&path),
                t.post(of(&members[0]), on("editor", "p1")),
                t.post(of(&members[1]), on_root("admin", &organization)),
                remove(&t, &members[0], on_root("member", &organization)),
            );
            gone.accepted();
            for answer in [a, b, c] {
                assert!([201, 403, 404].contains(&answer.status.as_u16()), "{}: {}", answer.what, answer.body);
            }
            let organization = OrganizationId::verbatim(id(&organization));
            let left = "select count(*) from role_assignments where environment = $1 and organization_id = $2";
            let left: i64 = sqlx::query_scalar(left)
                .bind(t.environment.key)
                .bind(organization.as_str())
                .fetch_one(t.app.database().pool())
                .await
                .unwrap();
            assert_eq!(left, 0);
        }
    });
}
