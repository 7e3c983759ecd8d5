//! Role assignments of groups, and what members have through them.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, Test, closure_is_sound, story};
use crate::role_assignments::{self as direct, id, member, on, orphans, project, role, slugs};

fn of(group: &Value) -> String {
    format!("/authorization/groups/{}/role_assignments", id(group))
}

fn path(group: &Value) -> String {
    format!("/organizations/{}/groups/{}", group["organization_id"].as_str().unwrap(), id(group))
}

async fn group(t: &Test, organization: &Value, name: &str) -> Value {
    t.post(format!("/organizations/{}/groups", id(organization)), json!({ "name": name })).await.created()
}

async fn join(t: &Test, group: &Value, membership: &Value) {
    let body = json!({ "organization_membership_id": membership["id"] });
    t.post(format!("{}/organization-memberships", path(group)), body).await.ok();
}

async fn leave(t: &Test, group: &Value, membership: &Value) {
    t.delete(format!("{}/organization-memberships/{}", path(group), id(membership))).await.no_content();
}

async fn remove(t: &Test, group: &Value, criteria: Value) -> Answer {
    t.send(Method::DELETE, &of(group), Some(criteria)).await
}

/// An organization with projects `p1` and `p2`, roles on projects and on organizations, a group and a member.
struct World {
    organization: Value,
    project: String,
    group: Value,
    ann: Value,
}

impl World {
    async fn make(t: &Test) -> Self {
        let organization = t.organization("Acme").await;
        t.resource_type("project", &["organization"]).await;
        let project = project(t, &organization, "p1").await;
        direct::project(t, &organization, "p2").await;
        for (slug, kind) in [("editor", "project"), ("viewer", "project"), ("admin", "organization")] {
            role(t, slug, kind).await;
        }
        let group = group(t, &organization, "Engineers").await;
        let ann = member(t, &organization).await;
        Self { organization, project, group, ann }
    }
}

/// The pairs of role and resource that a list shows.
fn pairs(rows: &[Value]) -> Vec<(&str, &str)> {
    rows.iter()
        .map(|row| (row["role"]["slug"].as_str().unwrap(), row["resource"]["external_id"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_group_is_given_a_role_once_and_loses_it_once() {
    story(async |t| {
        let World { organization, project, group, .. } = World::make(&t).await;
        let made = t.post(of(&group), on("editor", "p1")).await.created();
        assert!(id(&made).starts_with("gra_"));
        let expected = json!({
            "object": "group_role_assignment", "id": made["id"], "group_id": group["id"], "role": { "slug": "editor" },
            "resource": { "id": project, "external_id": "p1", "resource_type_slug": "project" },
            "created_at": made["created_at"], "updated_at": made["created_at"],
        });
        assert_eq!(made, expected);
        let again = json!({ "role_slug": "editor", "resource_id": project });
        t.post(of(&group), again).await.fails(409, "duplicate_group_role_assignment");
        // Without a resource it is the organization itself.
        let admin = t.post(of(&group), json!({ "role_slug": "admin" })).await.created();
        assert_eq!(admin["resource"]["external_id"], organization["id"]);
        assert_eq!(t.pages(&of(&group)).await, [admin.clone(), made.clone()]);
        let one = format!("{}/{}", of(&group), id(&made));
        assert_eq!(t.get(&one).await.ok(), made);

        t.delete(&one).await.no_content();
        t.delete(&one).await.missing();
        t.get(&one).await.missing();
        remove(&t, &group, json!({ "role_slug": "admin" })).await.no_content();
        remove(&t, &group, json!({ "role_slug": "admin" })).await.missing();
        // Or by the query, where one of the SDKs puts it.
        t.post(of(&group), json!({ "role_slug": "admin" })).await.created();
        t.delete(format!("{}?role_slug=admin", of(&group))).await.no_content();
        remove(&t, &group, json!({ "role_slug": "nobody" })).await.missing();
        remove(&t, &group, on("editor", "nowhere")).await.missing();
        assert_eq!(t.pages(&of(&group)).await, [] as [Value; 0]);
        t.assert_events(&["group.created"]).await;
    });
}

#[test]
fn faults_of_a_group_s_assignment_are_named() {
    story(async |t| {
        let World { group, .. } = World::make(&t).await;
        t.post(of(&group), json!({})).await.invalid(&["role_slug"]);
        let half = json!({ "role_slug": "editor", "resource_external_id": "p1" });
        t.post(of(&group), half.clone()).await.invalid(&["resource_type_slug"]);
        t.put(of(&group), json!({ "role_assignments": [half, {}] }))
            .await
            .invalid(&["role_assignments[0].resource_type_slug", "role_assignments[1].role_slug"]);
        t.put(of(&group), json!({})).await.invalid(&["role_assignments"]);
        let many = vec![on("editor", "p1"); 101];
        t.put(of(&group), json!({ "role_assignments": many })).await.invalid(&["role_assignments"]);
        t.patch(of(&group), json!({})).await.invalid(&["add"]);
        t.patch(of(&group), json!({ "add": many[..50], "remove": many[..51] })).await.invalid(&["add"]);

        t.post(of(&group), on("nobody", "p1")).await.missing();
        t.post(of(&group), on("editor", "nowhere")).await.missing();
        t.post(of(&group), json!({ "role_slug": "editor" })).await.fails(422, "role_resource_type_mismatch");
        t.post(of(&group), on("admin", "p1")).await.fails(422, "role_resource_type_mismatch");
        let none = of(&json!({ "id": "group_none" }));
        t.get(&none).await.missing();
        t.post(&none, on("editor", "p1")).await.missing();
        t.put(&none, json!({ "role_assignments": [] })).await.missing();
        t.patch(&none, json!({ "add": [on("editor", "p1")] })).await.missing();
        t.send(Method::DELETE, &none, Some(on("editor", "p1"))).await.missing();
        t.get(format!("{none}/gra_none")).await.missing();
        t.delete(format!("{none}/gra_none")).await.missing();
    });
}

#[test]
fn all_roles_of_a_group_are_replaced_at_once() {
    story(async |t| {
        let World { organization, group, .. } = World::make(&t).await;
        let put = async |entries: Value| t.put(of(&group), json!({ "role_assignments": entries })).await;
        let kept = t.post(of(&group), on("editor", "p1")).await.created();
        t.post(of(&group), on("viewer", "p1")).await.created();
        let list = put(json!([on("editor", "p1"), { "role_slug": "admin" }, on("editor", "p2"), on("editor", "p1")]));
        let list = list.await.ok();
        let rows = list["data"].as_array().unwrap();
        let root = id(&organization);
        assert_eq!(pairs(rows), [("editor", "p2"), ("admin", root), ("editor", "p1")]);
        assert_eq!(rows[2], kept);
        assert_eq!(t.pages(&format!("{}?limit=1", of(&group))).await, *rows);

        // All of it, or nothing.
        put(json!([on("viewer", "p2"), on("nobody", "p1")])).await.missing();
        put(json!([on("viewer", "p2"), on("admin", "p1")])).await.fails(422, "role_resource_type_mismatch");
        assert_eq!(t.pages(&of(&group)).await, *rows);
        assert_eq!(put(json!([])).await.ok()["data"], json!([]));
        assert_eq!(t.pages(&of(&group)).await, [] as [Value; 0]);
    });
}

#[test]
fn roles_of_a_group_change_together_or_not_at_all() {
    story(async |t| {
        let World { project, group, .. } = World::make(&t).await;
        let kept = t.post(of(&group), on("editor", "p1")).await.created();
        t.post(of(&group), on("viewer", "p1")).await.created();
        let change = json!({
            "add": [on("editor", "p1"), on("editor", "p2")],
            "remove": [on("viewer", "p1"), on("nobody", "p1"), on("viewer", "nowhere"), { "role_slug": "admin" }],
        });
        // The same change may come twice.
        for _ in 0..2 {
            t.patch(of(&group), change.clone()).await.no_content();
            let rows = t.pages(&of(&group)).await;
            assert_eq!(pairs(&rows), [("editor", "p2"), ("editor", "p1")]);
            assert_eq!(rows[1], kept);
        }
        // The same entry in both lists, although it goes by two names.
        let by_id = json!({ "role_slug": "editor", "resource_id": project });
        let both = json!({ "add": [on("viewer", "p2"), on("editor", "p1")], "remove": [on("viewer", "p1"), by_id] });
        t.patch(of(&group), both).await.invalid(&["remove[1]"]);
        t.patch(of(&group), json!({ "add": [on("viewer", "p2"), on("viewer", "nowhere")] })).await.missing();
        t.patch(of(&group), json!({ "remove": [on("editor", "p1")], "add": [on("admin", "p2")] }))
            .await
            .fails(422, "role_resource_type_mismatch");
        assert_eq!(t.pages(&of(&group)).await.len(), 2);
    });
}

#[test]
fn a_member_has_what_the_group_has_for_as_long_as_it_is_in_it() {
    story(async |t| {
        let World { organization, project, group, ann } = World::make(&t).await;
        let given = t.post(of(&group), on("editor", "p1")).await.created();
        assert_eq!(slugs(&t.pages(&direct::of(&ann)).await), ["member"]);
        join(&t, &group, &ann).await;
        let rows = t.pages(&direct::of(&ann)).await;
        assert_eq!(slugs(&rows), ["editor", "member"]);
        let ulid = id(&given).strip_prefix("gra_").unwrap();
        let derived = format!("role_assignment_{ulid}{}", id(&ann).strip_prefix("om_").unwrap());
        let expected = json!({
            "object": "role_assignment", "id": derived, "organization_membership_id": ann["id"],
            "role": { "slug": "editor" }, "resource": given["resource"],
            "source": { "type": "group", "group_role_assignment_id": given["id"],
                        "group": { "id": group["id"], "name": "Engineers" } },
            "created_at": given["created_at"], "updated_at": given["created_at"],
        });
        assert_eq!(rows[0], expected);
        let on_resource = format!("/authorization/resources/{project}/role_assignments");
        assert_eq!(t.pages(&on_resource).await, std::slice::from_ref(&expected));

        // It is the group's: not to be taken from the membership.
        let one = format!("{}/{derived}", direct::of(&ann));
        t.delete(&one).await.fails(403, "role_assignment_of_group");
        let by_criteria = async || t.send(Method::DELETE, &direct::of(&ann), Some(on("editor", "p1"))).await;
        by_criteria().await.fails(403, "role_assignment_of_group");
        let bob = member(&t, &organization).await;
        t.delete(format!("{}/{derived}", direct::of(&bob))).await.missing();
        t.delete(format!("{}/{derived}x", direct::of(&ann))).await.missing();
        t.delete(format!("{}/{}", direct::of(&ann), id(&given))).await.missing();
        // What it was given itself besides is its own.
        t.post(direct::of(&ann), on("editor", "p1")).await.created();
        assert_eq!(slugs(&t.pages(&direct::of(&ann)).await), ["editor", "editor", "member"]);
        by_criteria().await.no_content();
        by_criteria().await.fails(403, "role_assignment_of_group");

        leave(&t, &group, &ann).await;
        by_criteria().await.missing();
        t.delete(&one).await.missing();
        assert_eq!(slugs(&t.pages(&direct::of(&ann)).await), ["member"]);
        join(&t, &group, &ann).await;
        assert_eq!(t.pages(&direct::of(&ann)).await[0], expected);
        t.delete(path(&group)).await.no_content();
        assert_eq!(slugs(&t.pages(&direct::of(&ann)).await), ["member"]);
        assert_eq!(t.pages(&on_resource).await, [] as [Value; 0]);
        assert_eq!(orphans(&t).await, 0);
    });
}

#[test]
fn a_resource_lists_members_of_groups_between_others_in_every_order() {
    story(async |t| {
        let World { organization, project, group, ann } = World::make(&t).await;
        let (empty, second) =
            (self::group(&t, &organization, "Empty").await, self::group(&t, &organization, "H").await);
        let (bob, cid) = (member(&t, &organization).await, member(&t, &organization).await);
        for (group, membership) in [(&group, &bob), (&group, &ann), (&group, &cid), (&second, &ann)] {
            join(&t, group, membership).await;
        }
        t.post(direct::of(&ann), on("editor", "p1")).await.created();
        t.post(of(&empty), on("editor", "p1")).await.created();
        t.post(of(&group), on("viewer", "p1")).await.created();
        t.post(direct::of(&bob), on("editor", "p1")).await.created();
        t.post(of(&second), on("viewer", "p1")).await.created();
        t.post(direct::of(&cid), on("viewer", "p1")).await.created();
        let path = format!("/authorization/resources/{project}/role_assignments");
        let oldest_first = t.get(format!("{path}?order=asc&limit=100")).await.ok()["data"].as_array().unwrap().clone();
        let who: Vec<_> =
            oldest_first.iter().map(|row| (&row["organization_membership_id"], &row["role"]["slug"])).collect();
        let (editor, viewer) = (json!("editor"), json!("viewer"));
        let (a, b, c) = (&ann["id"], &bob["id"], &cid["id"]);
        let expected =
            [(a, &editor), (a, &viewer), (b, &viewer), (c, &viewer), (b, &editor), (a, &viewer), (c, &viewer)];
        assert_eq!(who, expected);
        for limit in 1..=8 {
            assert_eq!(t.pages(&format!("{path}?order=asc&limit={limit}")).await, oldest_first);
            let mut newest_first = t.pages(&format!("{path}?limit={limit}")).await;
            newest_first.reverse();
            assert_eq!(newest_first, oldest_first);
            let viewers = t.pages(&format!("{path}?order=asc&limit={limit}&role_slug=viewer")).await;
            assert_eq!(viewers.len(), 5);
        }
        // A cursor of somebody who has left, or of what the group has no more, is still a place.
        let cursor = id(&oldest_first[2]).to_owned();
        leave(&t, &group, &bob).await;
        let after = t.get(format!("{path}?order=asc&after={cursor}")).await.ok();
        assert_eq!(after["data"].as_array().unwrap()[..], oldest_first[3..]);
        let before = t.get(format!("{path}?order=asc&before={cursor}")).await.ok();
        assert_eq!(before["data"].as_array().unwrap()[..], oldest_first[..2]);
        t.put(of(&group), json!({ "role_assignments": [] })).await.ok();
        let after = t.get(format!("{path}?order=asc&after={cursor}")).await.ok();
        assert_eq!(after["data"].as_array().unwrap()[..], oldest_first[4..]);
        let before = t.get(format!("{path}?order=asc&before={cursor}")).await.ok();
        assert_eq!(before["data"].as_array().unwrap()[..], oldest_first[..1]);
    });
}

#[test]
fn a_role_that_a_group_holds_is_not_deleted() {
    story(async |t| {
        let World { organization, group, ann, .. } = World::make(&t).await;
        let roles = format!("/authorization/organizations/{}/roles", id(&organization));
        let body = json!({ "slug": "org-own", "name": "Own", "resource_type_slug": "project" });
        t.post(&roles, body).await.created();
        let own = format!("{roles}/org-own");
        t.post(of(&group), on("org-own", "p1")).await.created();
        t.delete(&own).await.fails(409, "role_has_group_role_mappings");
        t.post(direct::of(&ann), on("org-own", "p1")).await.created();
        t.delete(&own).await.fails(409, "role_has_assignments");
        t.send(Method::DELETE, &direct::of(&ann), Some(on("org-own", "p1"))).await.no_content();
        remove(&t, &group, on("org-own", "p1")).await.no_content();
        t.delete(&own).await.no_content();

        // The operator deletes a role of the environment whoever has it.
        t.post(of(&group), json!({ "role_slug": "admin" })).await.created();
        t.post(of(&group), on("viewer", "p1")).await.created();
        for slug in ["admin", "viewer"] {
            let path = format!("/admin/v1/environments/{}/roles/{slug}", t.environment.id);
            t.operator().delete(path).await.no_content();
        }
        assert_eq!(t.pages(&of(&group)).await, [] as [Value; 0]);
    });
}

/// What the access token of a new sign-in says.
async fn claims(t: &Test, email: &str) -> Value {
    let token = t.sign_in(email).await["access_token"].as_str().unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn tokens_tell_what_groups_have_in_the_organization_and_nothing_of_resources() {
    story(async |t| {
        let World { organization, group, .. } = World::make(&t).await;
        for (role, slug) in [("admin", "posts:write"), ("member", "posts:read"), ("editor", "apps:write")] {
            let kind = if role == "editor" { "project" } else { "organization" };
            let body = json!({ "slug": slug, "name": slug, "resource_type_slug": kind });
            t.post("/authorization/permissions", body).await.created();
            t.post(format!("/authorization/roles/{role}/permissions"), json!({ "slug": slug })).await.ok();
        }
        let body = json!({ "email": "eve@example.com", "password": PASSWORD });
        let user = t.post("/user_management/users", body).await.created();
        let pair = json!({ "user_id": user["id"], "organization_id": organization["id"] });
        let eve = t.post("/user_management/organization_memberships", pair).await.created();
        join(&t, &group, &eve).await;
        t.post(of(&group), on("editor", "p1")).await.created();
        let before = claims(&t, "eve@example.com").await;
        assert_eq!((&before["role"], &before["roles"]), (&json!("member"), &json!(["member"])));
        assert_eq!(before["permissions"], json!(["posts:read"]));
        for slug in ["admin", "member"] {
            t.post(of(&group), json!({ "role_slug": slug })).await.created();
        }
        let with = claims(&t, "eve@example.com").await;
        assert_eq!((&with["role"], &with["roles"]), (&json!("member"), &json!(["member", "admin"])));
        assert_eq!(with["permissions"], json!(["posts:read", "posts:write"]));
        // The membership itself has no other role by that.
        let membership = format!("/user_management/organization_memberships/{}", id(&eve));
        assert_eq!(t.get(membership).await.ok()["roles"], json!([{ "slug": "member" }]));
        t.delete(self::path(&group)).await.no_content();
        assert_eq!(claims(&t, "eve@example.com").await["roles"], json!(["member"]));
    });
}

#[test]
fn a_neighbour_finds_and_gives_nothing_to_a_group() {
    story(async |t| {
        let World { project, group, .. } = World::make(&t).await;
        let made = t.post(of(&group), on("editor", "p1")).await.created();
        let stranger = t.neighbour().await;
        let theirs = World::make(&stranger).await.group;
        stranger.get(of(&group)).await.missing();
        stranger.get(format!("{}/{}", of(&group), id(&made))).await.missing();
        stranger.get(format!("{}/{}", of(&theirs), id(&made))).await.missing();
        stranger.delete(format!("{}/{}", of(&theirs), id(&made))).await.missing();
        stranger.post(of(&group), on("viewer", "p1")).await.missing();
        let foreign = json!({ "role_slug": "editor", "resource_id": project });
        stranger.post(of(&theirs), foreign.clone()).await.missing();
        stranger.patch(of(&theirs), json!({ "remove": [foreign] })).await.no_content();
        stranger.put(of(&group), json!({ "role_assignments": [] })).await.missing();
        assert_eq!(t.pages(&of(&group)).await, [made]);
    });
}

#[test]
fn changes_of_a_group_s_roles_at_once_come_one_after_another() {
    story(async |t| {
        let World { group, .. } = World::make(&t).await;
        let answers = join_all((0..6).map(|_| t.post(of(&group), on("editor", "p1")))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
        let entries = [
            json!([on("editor", "p1"), on("viewer", "p2")]),
            json!([on("viewer", "p1"), on("editor", "p2")]),
            json!([on("viewer", "p2"), on("viewer", "p1"), { "role_slug": "admin" }]),
        ];
        for _ in 0..4 {
            let put = |i: usize| t.put(of(&group), json!({ "role_assignments": entries[i] }));
            let answers = tokio::join!(put(0), put(1), put(2), put(0));
            for answer in [answers.0, answers.1, answers.2, answers.3] {
                answer.ok();
            }
            // Whoever came last has decided alone.
            assert!([2, 3].contains(&t.pages(&of(&group)).await.len()));
        }
    });
}

#[test]
fn what_is_deleted_while_a_group_is_given_it_leaves_nothing_behind() {
    story(async |t| {
        let World { organization, ann, .. } = World::make(&t).await;
        for round in 0..12 {
            let name = format!("brief{round}");
            let brief = direct::project(&t, &organization, &name).await;
            let (one, two) = (group(&t, &organization, "One").await, group(&t, &organization, "Two").await);
            join(&t, &one, &ann).await;
            let brief = format!("/authorization/resources/{brief}?cascade_delete=true");
            let gone = path(&one);
            let (a, b, c, d, e) = tokio::join!(
                t.post(of(&one), on("editor", &name)),
                t.put(of(&two), json!({ "role_assignments": [on("editor", &name), { "role_slug": "admin" }] })),
                t.delete(&gone),
                t.delete(&brief),
                t.patch(of(&two), json!({ "add": [on("viewer", &name)] })),
            );
            c.no_content();
            d.no_content();
            for answer in [a, b, e] {
                assert!([200, 201, 204, 404].contains(&answer.status.as_u16()), "{}: {}", answer.what, answer.body);
            }
            assert!(pairs(&t.pages(&of(&two)).await).iter().all(|(slug, _)| *slug == "admin"));
            assert_eq!(slugs(&t.pages(&direct::of(&ann)).await), ["member"]);
            assert_eq!(orphans(&t).await, 0);
            closure_is_sound(&t).await;
        }
    });
}

/// Several entries on several resources, and a deletion of all of these, wait for one another in one order only.
#[test]
fn a_tree_is_deleted_while_groups_are_given_roles_all_over_it() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        t.resource_type("project", &["organization", "project"]).await;
        role(&t, "editor", "project").await;
        role(&t, "viewer", "project").await;
        let groups = [group(&t, &organization, "G").await, group(&t, &organization, "H").await];
        for _ in 0..6 {
            let top = t.resource(&organization, "project", "top", None).await;
            let names: Vec<_> = (0..6).map(|i| format!("p{i}")).collect();
            for name in &names {
                t.resource(&organization, "project", name, Some(&top)).await;
            }
            let entries = |role: &str| names.iter().map(|name| on(role, name)).collect::<Vec<_>>();
            let mut backward = entries("viewer");
            backward.reverse();
            let delete = format!("/authorization/resources/{}?cascade_delete=true", id(&top));
            let (a, b, c, d) = tokio::join!(
                t.put(of(&groups[0]), json!({ "role_assignments": entries("editor") })),
                t.patch(of(&groups[1]), json!({ "add": backward })),
                t.delete(&delete),
                t.put(of(&groups[0]), json!({ "role_assignments": [] })),
            );
            c.no_content();
            d.ok();
            for answer in [a, b] {
                assert!([200, 204, 404].contains(&answer.status.as_u16()), "{}: {}", answer.what, answer.body);
            }
            for group in &groups {
                assert_eq!(t.pages(&of(group)).await, [] as [Value; 0]);
            }
            closure_is_sound(&t).await;
        }
    });
}

#[test]
fn a_group_has_so_many_roles_and_no_more() {
    story(async |t| {
        let World { group, .. } = World::make(&t).await;
        // By hand, because it is the number that matters: all but one of those that it may have, on resources of no name.
        let fill = "with made as (
                 insert into resources (environment, id, organization_id, type, parent, external_id, name, created_at, updated_at)
                 select $1, r.id || 'x' || n, r.organization_id, r.type, r.parent, 'x' || n, 'x', now(), now()
                 from resources r, generate_series(1, 999) n
                 where r.environment = $1 and r.external_id = 'p1'
                 returning key, organization_id)
             insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
             select $1, 'gra_' || made.key, made.organization_id, g.subject, r.key, made.key, now(), now()
             from made, groups g, roles r
             where g.environment = $1 and g.id = $2 and r.environment = $1 and r.slug = 'editor'";
        let filled = sqlx::query(fill).bind(t.environment.key).bind(id(&group)).execute(t.app.database().pool());
        assert_eq!(filled.await.unwrap().rows_affected(), 999);
        let both = json!({ "add": [on("editor", "p1"), on("editor", "p2")] });
        t.patch(of(&group), both.clone()).await.fails(400, "role_assignment_limit_exceeded");
        t.post(of(&group), on("editor", "p1")).await.created();
        t.post(of(&group), on("editor", "p2")).await.fails(400, "role_assignment_limit_exceeded");
        let exchange = json!({ "add": [on("editor", "p2")], "remove": [on("editor", "p1")] });
        t.patch(of(&group), exchange).await.no_content();
        let whole = json!({ "role_assignments": [on("editor", "p1")] });
        assert_eq!(t.put(of(&group), whole).await.ok()["data"].as_array().unwrap().len(), 1);
        t.patch(of(&group), both).await.no_content();
    });
}
