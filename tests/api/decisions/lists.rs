//! Discovery, who can, and effective permissions: the stories that tell what each of them is.

use serde_json::{Value, json};

use super::world::{ROOT, World, id};
use crate::harness::{Test, story};

/// A workspace with two projects, one with apps in two folders; a permission for each kind.
async fn world(t: Test) -> World {
    for (slug, parents) in [
        ("workspace", ["organization"].as_slice()),
        ("project", &["workspace"]),
        ("folder", &["project", "folder"]),
        ("app", &["folder", "project"]),
    ] {
        t.resource_type(slug, parents).await;
    }
    let mut world = World::new(t).await;
    for kind in ["organization", "workspace", "project", "folder", "app"] {
        world.permission(&format!("{kind}:read"), kind).await;
    }
    let all = ["workspace:read", "project:read", "folder:read", "app:read"];
    world.role("auditor", "organization", &all).await;
    world.role("lead", "project", &all[1..]).await;
    world.role("guest", "app", &["app:read"]).await;
    world.role("keeper", "folder", &["folder:read", "app:read"]).await;
    for (name, kind, parent) in [
        ("w", "workspace", ROOT),
        ("p1", "project", "w"),
        ("p2", "project", "w"),
        ("f1", "folder", "p1"),
        ("f2", "folder", "f1"),
        ("a1", "app", "f2"),
        ("a2", "app", "p2"),
        ("a3", "app", "f1"),
        ("a4", "app", "p1"),
    ] {
        world.resource(name, kind, parent).await;
    }
    for name in ["ann", "bob", "cyd"] {
        world.member(name).await;
    }
    world
}

async fn found(world: &World, member: &str, permission: &str, parent: &str) -> Vec<String> {
    world.names(&world.resources_of(member, permission, parent), 100, "asc").await
}

#[test]
fn discovery_finds_what_is_below_whatever_the_access_comes_from() {
    story(async |t| {
        let mut world = world(t).await;
        assert_eq!(found(&world, "ann", "app:read", ROOT).await, [""; 0]);
        world.assign("ann", "guest", "a1").await;
        world.assign("ann", "guest", "a2").await;
        assert_eq!(found(&world, "ann", "app:read", ROOT).await, ["a1", "a2"]);
        assert_eq!(found(&world, "ann", "app:read", "p1").await, ["a1"]);
        assert_eq!(found(&world, "ann", "app:read", "f1").await, ["a1"]);
        // Of the permission's own type only.
        assert_eq!(found(&world, "ann", "project:read", ROOT).await, [""; 0]);
        // From above the parent, at any depth, each once however many ways lead to it.
        world.assign("ann", "lead", "p1").await;
        world.assign("ann", "keeper", "f2").await;
        assert_eq!(found(&world, "ann", "app:read", "f1").await, ["a1", "a3"]);
        assert_eq!(found(&world, "ann", "app:read", "w").await, ["a1", "a2", "a3", "a4"]);
        // What is asked about is not below itself, and a folder in a folder is.
        assert_eq!(found(&world, "ann", "folder:read", "f1").await, ["f2"]);
        assert_eq!(found(&world, "ann", "folder:read", "p1").await, ["f1", "f2"]);
        assert_eq!(found(&world, "ann", "project:read", "p1").await, [""; 0]);
        world.assign("bob", "auditor", ROOT).await;
        assert_eq!(found(&world, "bob", "app:read", "p2").await, ["a2"]);
        assert_eq!(found(&world, "bob", "workspace:read", ROOT).await, ["w"]);
        assert_eq!(found(&world, "bob", "nothing:at-all", ROOT).await, [""; 0]);
        world.set_active("bob", false).await;
        assert_eq!(found(&world, "bob", "app:read", "p2").await, [""; 0]);
    });
}

#[test]
fn discovery_shows_whole_resources_and_names_its_parent_in_two_ways() {
    story(async |t| {
        let mut world = world(t).await;
        world.assign("ann", "lead", "p2").await;
        let base = format!("/authorization/organization_memberships/{}/resources", world.members["ann"]);
        let external = |kind: &str, name: &str| {
            format!(
                "{base}?permission_slug=app:read&parent_resource_type_slug={kind}&parent_resource_external_id={name}"
            )
        };
        let whole = world.t.get(format!("/authorization/resources/{}", world.resources["a2"])).await.ok();
        let organization = id(&world.organization);
        for path in [
            world.resources_of("ann", "app:read", "p2"),
            external("project", "p2"),
            external("organization", &organization),
        ] {
            let page = world.t.get(path).await.ok();
            assert_eq!(page["data"], json!([whole]));
            assert_eq!(page["list_metadata"], json!({ "before": null, "after": null }));
        }
        let (t, permission) = (&world.t, "permission_slug=app:read");
        t.get(format!("{base}?{permission}")).await.invalid(&["parent_resource_id"]);
        t.get(&base).await.invalid(&["permission_slug"]);
        t.get(format!("{}&limit=0", external("project", "p2"))).await.invalid(&["limit"]);
        let both = format!("{}&parent_resource_id={}", external("project", "p2"), world.resources["p2"]);
        t.get(both).await.invalid(&["parent_resource_id"]);
        let half = format!("{base}?{permission}&parent_resource_external_id=p2");
        t.get(half).await.invalid(&["parent_resource_type_slug"]);
        let answer = t.get(external("project", "p3")).await.missing();
        assert_eq!(answer["message"], "Authorization resource not found: 'p3'.");
        t.get(external("planet", "p2")).await.missing();
        let nobody = "/authorization/organization_memberships/om_nobody/resources";
        let parent = format!("parent_resource_id={}", world.resources["p2"]);
        t.get(format!("{nobody}?{permission}&{parent}")).await.missing();
        let other = t.organization("Other").await;
        let root = id(&t.root(&other).await);
        t.get(format!("{base}?{permission}&parent_resource_id={root}")).await.missing();
        t.neighbour().await.get(external("project", "p2")).await.missing();
    });
}

async fn who(world: &World, permission: &str, resource: &str, assignment: &str) -> Vec<String> {
    world.member_names(&world.members_with(permission, resource, assignment), 100, "asc").await
}

#[test]
fn who_can_is_told_with_and_without_what_is_inherited() {
    story(async |t| {
        let mut world = world(t).await;
        world.assign("bob", "guest", "a1").await;
        world.assign("ann", "lead", "p1").await;
        world.assign("ann", "guest", "a1").await;
        world.group("team").await;
        world.assign("team", "auditor", ROOT).await;
        world.join("cyd", "team").await;
        world.join("bob", "team").await;
        assert_eq!(who(&world, "app:read", "a1", "direct").await, ["ann", "bob"]);
        assert_eq!(who(&world, "app:read", "a1", "indirect").await, ["ann", "bob", "cyd"]);
        assert_eq!(who(&world, "app:read", "p1", "direct").await, ["ann"]);
        assert_eq!(who(&world, "app:read", "f2", "direct").await, [""; 0]);
        assert_eq!(who(&world, "app:read", ROOT, "direct").await, ["bob", "cyd"]);
        assert_eq!(who(&world, "nothing:at-all", "a1", "indirect").await, [""; 0]);
        world.group("friends").await;
        world.assign("friends", "guest", "a1").await;
        world.join("cyd", "friends").await;
        assert_eq!(who(&world, "app:read", "a1", "direct").await, ["ann", "bob", "cyd"]);
        world.set_active("ann", false).await;
        assert_eq!(who(&world, "app:read", "a1", "indirect").await, ["bob", "cyd"]);
        // Only those with a role on it, if nothing is said.
        let path = format!(
            "/authorization/resources/{}/organization_memberships?permission_slug=app:read",
            world.resources["p1"]
        );
        assert_eq!(world.t.get(&path).await.ok()["data"], json!([]));
        world.set_active("ann", true).await;
        assert_eq!(world.member_names(&path, 10, "desc").await, ["ann"]);
    });
}

#[test]
fn who_can_shows_memberships_with_their_users_and_without_roles() {
    story(async |t| {
        let mut world = world(t).await;
        world.assign("ann", "guest", "a1").await;
        let organization = id(&world.organization);
        let named = |kind: &str, name: &str| {
            format!("/authorization/organizations/{organization}/resources/{kind}/{name}/organization_memberships")
        };
        let membership = format!("/user_management/organization_memberships/{}", world.members["ann"]);
        let mut expected = world.t.get(membership).await.ok();
        for key in ["role", "roles"] {
            expected.as_object_mut().unwrap().remove(key).unwrap();
        }
        for path in
            [world.members_with("app:read", "a1", "direct"), format!("{}?permission_slug=app:read", named("app", "a1"))]
        {
            assert_eq!(world.t.get(path).await.ok()["data"], json!([expected]));
        }
        let t = &world.t;
        let root = format!("{}?permission_slug=app:read", named("organization", &organization));
        assert_eq!(t.get(&root).await.ok()["data"], json!([]));
        t.get(named("app", "a1")).await.invalid(&["permission_slug"]);
        let path = world.members_with("app:read", "a1", "both");
        t.get(path).await.invalid(&["assignment"]);
        t.get(format!("{}?permission_slug=x", named("app", "a9"))).await.missing();
        t.get(format!("{}?permission_slug=x", named("organization", "other"))).await.missing();
        t.get("/authorization/resources/authz_resource_x/organization_memberships?permission_slug=x").await.missing();
        let neighbour = t.neighbour().await;
        neighbour.get(root).await.missing();
        neighbour.get(world.members_with("app:read", "a1", "indirect")).await.missing();
    });
}

#[test]
fn effective_permissions_are_those_of_all_roles_on_the_way_up() {
    story(async |t| {
        let mut world = world(t).await;
        let slugs = async |world: &World, resource: &str| {
            let mut slugs = world.slugs(&world.permissions_of("ann", resource), 2, "asc").await;
            slugs.sort();
            slugs
        };
        assert_eq!(slugs(&world, "a1").await, [""; 0]);
        world.assign("ann", "guest", "a1").await;
        assert_eq!(slugs(&world, "a1").await, ["app:read"]);
        world.assign("ann", "lead", "p1").await;
        assert_eq!(slugs(&world, "a1").await, ["app:read", "folder:read", "project:read"]);
        assert_eq!(slugs(&world, "a2").await, [""; 0]);
        world.group("team").await;
        world.assign("team", "auditor", ROOT).await;
        world.join("ann", "team").await;
        assert_eq!(slugs(&world, "a1").await, ["app:read", "folder:read", "project:read", "workspace:read"]);
        assert_eq!(slugs(&world, "a2").await.len(), 4);
        world.set_active("ann", false).await;
        assert_eq!(slugs(&world, "a1").await, [""; 0]);
        world.set_active("ann", true).await;

        let (member, resource) = (&world.members["ann"], &world.resources["a1"]);
        let expected = world.t.pages(&world.permissions_of("ann", "a1")).await;
        let one = world.t.get("/authorization/permissions/app:read").await.ok();
        assert!(expected.contains(&one), "permissions are shown whole");
        let memberships = format!("/authorization/organization_memberships/{member}/resources");
        for path in [
            format!("{memberships}/app/a1/permissions"),
            format!("/authorization/resources/{resource}/organization_memberships/{member}/permissions"),
        ] {
            assert_eq!(world.t.pages(&path).await, expected);
        }
        let t = &world.t;
        let root = format!("{memberships}/organization/{}/permissions", id(&world.organization));
        assert_eq!(t.pages(&root).await.len(), 4);
        t.get(format!("{memberships}/app/a9/permissions")).await.missing();
        t.get(format!("{memberships}/authz_resource_x/permissions")).await.missing();
        t.get("/authorization/organization_memberships/om_x/resources/app/a1/permissions").await.missing();
        t.neighbour().await.get(root).await.missing();
    });
}

/// Whatever the page and the order, and although what is between the pages comes and goes.
#[test]
fn pages_join_while_other_rows_come_and_go_and_a_cursor_outlives_its_row() {
    story(async |t| {
        let mut world = world(t).await;
        world.assign("ann", "lead", "p1").await;
        let mut names: Vec<_> = ["a1", "a3", "a4"].map(str::to_owned).into();
        for i in 0..9 {
            let name = format!("b{i}");
            world.resource(&name, "app", "f2").await;
            names.push(name);
        }
        let path = world.resources_of("ann", "app:read", "w");
        let mut backwards = names.clone();
        backwards.reverse();
        for limit in [1, 2, 5, 12, 100] {
            assert_eq!(world.names(&path, limit, "asc").await, names);
            assert_eq!(world.names(&path, limit, "desc").await, backwards);
            assert_eq!(world.names(&path, limit, "normal").await, backwards);
        }
        let page = world.t.get(format!("{path}&limit=4&order=asc")).await.ok();
        let cursor = page["list_metadata"]["after"].as_str().unwrap().to_owned();
        assert_eq!(cursor, world.resources["b0"]);
        world.delete("b0", &["b0".to_owned()].into()).await;
        world.resource("c", "app", "p2").await;
        let rest = world.t.get(format!("{path}&limit=100&order=asc&after={cursor}")).await.ok();
        let ids: Vec<_> = rest["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids, names[4..].iter().map(|name| world.resources[name].clone()).collect::<Vec<_>>());
        let before = world.t.get(format!("{path}&limit=100&order=asc&before={cursor}")).await.ok();
        let ids: Vec<_> = before["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids, names[..3].iter().map(|name| world.resources[name].clone()).collect::<Vec<_>>());
    });
}

#[test]
fn those_who_can_are_paged_in_every_order_and_a_cursor_outlives_its_row() {
    story(async |t| {
        let mut world = world(t).await;
        world.group("team").await;
        world.assign("team", "lead", "p1").await;
        let mut names = Vec::new();
        for i in 0..11 {
            let name = format!("m{i:02}");
            world.member(&name).await;
            match i % 3 {
                0 => world.assign(&name, "guest", "a1").await,
                1 => world.assign(&name, "auditor", ROOT).await,
                _ => world.join(&name, "team").await,
            }
            names.push(name);
        }
        let path = world.members_with("app:read", "a1", "indirect");
        let mut backwards = names.clone();
        backwards.reverse();
        for limit in [1, 3, 10, 11, 100] {
            assert_eq!(world.member_names(&path, limit, "asc").await, names);
            assert_eq!(world.member_names(&path, limit, "desc").await, backwards);
            assert_eq!(world.member_names(&path, limit, "normal").await, backwards);
        }
        let cursor = world.members["m05"].clone();
        world.t.delete(format!("/user_management/organization_memberships/{cursor}")).await.done();
        let emails = async |query: &str| -> Vec<String> {
            let page = world.t.get(format!("{path}&limit=100&{query}={cursor}")).await.ok();
            let email = |row: &Value| row["user"]["email"].as_str().unwrap()[..3].to_owned();
            page["data"].as_array().unwrap().iter().map(email).collect()
        };
        assert_eq!(emails("order=asc&after").await, names[6..]);
        assert_eq!(emails("order=asc&before").await, names[..5]);
    });
}
