//! Resources of a seed, and the roles of memberships and groups on them.

use serde_json::{Value, json};
use vestibule::seed::{Mode, Secrets};

use super::export::{export, made_again};
use super::{apply, changes, faults, read, run};
use crate::harness::{Test, closure_is_sound, story};

const TYPES: &str = "
    resourceTypes:
      - { slug: project, name: Project }
      - { slug: folder, name: Folder, parents: [project, folder] }
    permissions:
      - { slug: folder:read, name: Read, resource_type: folder }
    roles:
      - { slug: reader, name: Reader, resource_type: folder, permissions: [folder:read] }
      - { slug: editor, name: Editor, resource_type: project, permissions: [folder:read] }
    users: [{ email: ann@acme.test }, { email: ben@acme.test }]
    ";

/// A seed of one organization with these families, beside what all of them need.
fn acme(families: &str) -> String {
    format!("{TYPES}organizations:\n      - id: org_acme\n        name: Acme\n        external_id: acme\n{families}\n")
}

const TREE: &str = "
        resources:
          - { resource_type_slug: folder, external_id: plans, name: Plans,
              parent_resource_type_slug: project, parent_resource_external_id: apollo }
          - { resource_type_slug: project, external_id: apollo, name: Apollo, description: To the moon }
          - { id: authz_resource_drafts, resource_type_slug: folder, external_id: drafts, name: Drafts,
              parent_resource_type_slug: folder, parent_resource_external_id: plans }
          - { resource_type_slug: folder, external_id: old, name: Old, parent_resource_id: authz_resource_drafts }
          - { resource_type_slug: project, external_id: gemini, name: Gemini,
              parent_resource_type_slug: organization, parent_resource_external_id: acme }
        memberships:
          - email: ann@acme.test
            role_assignments:
              - { role: reader, resource_type_slug: folder, resource_external_id: plans }
              - { id: role_assignment_mine, role: editor, resource_type_slug: project, resource_external_id: gemini }
          - { email: ben@acme.test }
        groups:
          - name: Crew
            members: [ben@acme.test]
            role_assignments:
              - { id: gra_01SEEDSEEDSEEDSEEDSEEDSEED, role: reader, resource_id: authz_resource_drafts }
              - { role: member }";

/// What stands below what, by external ids, in the order of making.
async fn tree(t: &Test) -> Vec<(String, String)> {
    let all = t.pages("/authorization/resources?organization_id=org_acme&order=asc").await;
    let name = |id: &Value| {
        let found = all.iter().find(|resource| resource["id"] == *id).unwrap();
        found["external_id"].as_str().unwrap().to_owned()
    };
    let below = all.iter().filter(|resource| !resource["parent_resource_id"].is_null());
    below.map(|resource| (name(&resource["id"]), name(&resource["parent_resource_id"]))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

/// Whether a user of Acme may read a folder.
async fn reads(t: &Test, email: &str, folder: &str) -> bool {
    let memberships = t.pages("/user_management/organization_memberships?organization_id=org_acme").await;
    let user = t.pages(&format!("/user_management/users?email={email}")).await.remove(0);
    let membership = memberships.iter().find(|membership| membership["user_id"] == user["id"]).unwrap();
    let path = format!("/authorization/organization_memberships/{}/check", membership["id"].as_str().unwrap());
    let body = json!({ "permission_slug": "folder:read", "resource_type_slug": "folder",
                       "resource_external_id": folder });
    t.post(path, body).await.ok()["authorized"] == true
}

#[test]
fn a_tree_is_made_whatever_its_order_and_roles_are_given_on_it() {
    story(async |t| {
        let made = apply(&t, &acme(TREE)).await;
        let resources: Vec<_> = made.iter().filter(|change| change.contains("resource '")).collect();
        assert_eq!(resources.len(), 5, "{made:#?}");
        assert_eq!(resources[0], "create resource 'folder plans in Acme'");
        let assignments: Vec<_> = made.iter().filter(|change| change.contains("assignment")).collect();
        assert_eq!(
            assignments,
            [
                "create role assignment 'reader of ann@acme.test on folder plans in Acme'",
                "create role assignment 'editor of ann@acme.test on project gemini in Acme'",
                "create role assignment 'reader of Crew on authz_resource_drafts in Acme'",
                "create role assignment 'member of Crew in Acme'",
            ]
        );
        // The order of lists is that of the file, although parents had to be made first.
        let expected =
            [("plans", "apollo"), ("apollo", "acme"), ("drafts", "plans"), ("old", "drafts"), ("gemini", "acme")];
        assert_eq!(tree(&t).await, pairs(&expected));
        closure_is_sound(&t).await;
        let apollo = t.get("/authorization/organizations/org_acme/resources/project/apollo").await.ok();
        assert_eq!((&apollo["name"], &apollo["description"]), (&json!("Apollo"), &json!("To the moon")));
        for (email, folder, may) in
            [("ann", "old", true), ("ben", "plans", false), ("ben", "drafts", true), ("ben", "old", true)]
        {
            assert_eq!(reads(&t, &format!("{email}@acme.test"), folder).await, may, "{email} {folder}");
        }
        let on_gemini = t.get("/authorization/organizations/org_acme/resources/project/gemini/role_assignments").await;
        assert_eq!(on_gemini.ok()["data"][0]["id"], "role_assignment_mine");
        let group = t.get("/organizations/org_acme/groups").await.ok()["data"][0]["id"].clone();
        let path = format!("/authorization/groups/{}/role_assignments?order=asc", group.as_str().unwrap());
        let of_group = t.get(path).await.ok();
        assert_eq!(of_group["data"][0]["id"], "gra_01SEEDSEEDSEEDSEEDSEEDSEED");
        assert_eq!(of_group["data"][1]["resource"]["resource_type_slug"], "organization");

        let before = t.all_events().await;
        t.app.database().clock.advance(60);
        assert_eq!(apply(&t, &acme(TREE)).await, [""; 0], "applied again it changes nothing");
        assert_eq!(t.get("/authorization/organizations/org_acme/resources/project/apollo").await.ok(), apollo);
        assert_eq!(t.all_events().await, before);
        assert!(!before.iter().any(|event| event.contains("resource") || event.contains("assignment")), "{before:?}");
    });
}

#[test]
fn a_tree_that_differs_is_changed_and_what_is_not_said_stays() {
    story(async |t| {
        apply(&t, &acme(TREE)).await;
        let drafts = t.get("/authorization/resources/authz_resource_drafts").await.ok();
        t.app.database().clock.advance(60);
        let changed = apply(
            &t,
            &acme(
                "
        resources:
          - { resource_type_slug: project, external_id: apollo, name: Apollo 11 }
          - { resource_type_slug: folder, external_id: new, name: New, parent_resource_id: authz_resource_drafts }
          - { resource_type_slug: folder, external_id: drafts, name: Drafts, description: Soon,
              parent_resource_type_slug: project, parent_resource_external_id: apollo }
          - { resource_type_slug: folder, external_id: plans, name: Plans }",
            ),
        )
        .await;
        assert_eq!(
            changed,
            [
                "update resource 'project apollo in Acme'",
                "create resource 'folder new in Acme'",
                "update resource 'folder drafts in Acme'",
            ]
        );
        let expected = [
            ("plans", "apollo"),
            ("apollo", "acme"),
            ("drafts", "apollo"),
            ("old", "drafts"),
            ("gemini", "acme"),
            ("new", "drafts"),
        ];
        assert_eq!(tree(&t).await, pairs(&expected));
        closure_is_sound(&t).await;
        let apollo = t.get("/authorization/organizations/org_acme/resources/project/apollo").await.ok();
        assert_eq!((&apollo["name"], &apollo["description"]), (&json!("Apollo 11"), &json!("To the moon")));
        let after = t.get("/authorization/resources/authz_resource_drafts").await.ok();
        assert_eq!((&after["id"], &after["description"]), (&drafts["id"], &json!("Soon")));
        assert_ne!(after["updated_at"], drafts["updated_at"]);
        // What moved away from below the folder that she has a role on, she reads no longer.
        assert!(reads(&t, "ann@acme.test", "plans").await && !reads(&t, "ann@acme.test", "old").await);
        assert!(reads(&t, "ben@acme.test", "new").await, "{changed:?}");
    });
}

#[test]
fn resources_change_places_with_one_another_and_with_what_the_file_does_not_name() {
    story(async |t| {
        let below = |child: &str, kind: &str, parent: &str| {
            format!(
                "\n          - {{ resource_type_slug: folder, external_id: {child}, name: {child},
              parent_resource_type_slug: {kind}, parent_resource_external_id: {parent} }}"
            )
        };
        let top = "\n        resources:\n          - { resource_type_slug: project, external_id: top, name: Top }";
        let text = [below("a", "project", "top"), below("b", "folder", "a"), below("c", "folder", "b")].concat();
        apply(&t, &acme(&format!("{top}{text}"))).await;
        // From top > a > b > c to top > c > b > a: each is above where it is to be put.
        let text = [below("a", "folder", "b"), below("b", "folder", "c"), below("c", "project", "top")].concat();
        assert_eq!(apply(&t, &acme(&format!("{top}{text}"))).await.len(), 3);
        assert_eq!(tree(&t).await, pairs(&[("top", "acme"), ("a", "b"), ("b", "c"), ("c", "top")]));
        closure_is_sound(&t).await;
        // Back, with one of them unnamed: c below b, which is below c until c has moved, by way of a.
        let text = [below("c", "folder", "b"), below("b", "folder", "a"), below("a", "project", "top")].concat();
        assert_eq!(apply(&t, &acme(&format!("{top}{text}"))).await.len(), 3);
        let text = [below("a", "folder", "c"), below("b", "project", "top")].concat();
        assert_eq!(apply(&t, &acme(&format!("{top}{text}"))).await.len(), 2);
        assert_eq!(tree(&t).await, pairs(&[("top", "acme"), ("a", "c"), ("b", "top"), ("c", "b")]));
        closure_is_sound(&t).await;
        let text = [below("b", "folder", "a")].concat();
        let refused = faults(run(&t, &read(&t, &acme(&format!("{top}{text}"))).unwrap(), Mode::Apply).await);
        assert!(
            refused[0].starts_with("organizations[0].resources[1].parent_resource_external_id: A resource cannot"),
            "{refused:?}"
        );
    });
}

/// A chain of folders below a project.
fn chain(levels: usize) -> String {
    let mut text =
        "\n        resources:\n          - { resource_type_slug: project, external_id: f1, name: F }".to_owned();
    for level in 2..=levels {
        let kind = if level == 2 { "project" } else { "folder" };
        let above = level - 1;
        text.push_str(&format!(
            "\n          - {{ resource_type_slug: folder, external_id: f{level}, name: F,
              parent_resource_type_slug: {kind}, parent_resource_external_id: f{above} }}"
        ));
    }
    text
}

#[test]
fn what_cannot_be_is_named_with_its_place_and_nothing_is_made() {
    story(async |t| {
        let refused = async |families: &str| match read(&t, &acme(families)) {
            Err(failure) => faults(Err::<(), _>(failure)),
            Ok(seed) => faults(run(&t, &seed, Mode::Apply).await),
        };
        let found = refused(
            "
        resources:
          - { resource_type_slug: project, external_id: é, name: '' }
          - { resource_type_slug: project, external_id: x, name: X, parent_resource_external_id: y }
          - { external_id: x }",
        )
        .await;
        let places: Vec<_> = found.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        let here = |rest: &str| format!("organizations[0].resources{rest}");
        let expected = [here("[1].parent_resource_type_slug"), here("[2].resource_type_slug"), here("[2].name")];
        assert_eq!(places, expected);
        let found = refused(
            "
        resources:
          - { resource_type_slug: project, external_id: é, name: '' }
          - { resource_type_slug: project, external_id: x, name: X }
          - { resource_type_slug: project, external_id: x, name: X }
        memberships:
          - email: ann@acme.test
            role_assignments:
              - { id: role_assignment_012345678901234567890123456, role: a, resource_id: authz_resource_1 }
        groups:
          - { name: Crew, role_assignments: [{ id: gra_short, role: a }] }",
        )
        .await;
        let places: Vec<_> = found.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        let expected = [
            here("[0].external_id"),
            here("[0].name"),
            here("[2].external_id"),
            "organizations[0].memberships[0].role_assignments[0].id".to_owned(),
            "organizations[0].groups[0].role_assignments[0].id".to_owned(),
        ];
        assert_eq!(places, expected);

        let project = "resource_type_slug: project, external_id: x, name: X";
        let folder = "resource_type_slug: folder, external_id: y, name: Y";
        for (resources, expected) in [
            ("{ resource_type_slug: moon, external_id: x, name: X }".to_owned(), "[0].resource_type_slug: there is no"),
            (
                "{ resource_type_slug: organization, external_id: x, name: X }".to_owned(),
                "[0].resource_type_slug: it cannot be",
            ),
            (format!("{{ {folder} }}"), "[0].resource_type_slug: A resource of the type 'folder' cannot stand"),
            (
                format!("{{ {project} }}, {{ {folder}, parent_resource_id: authz_resource_none }}"),
                "[1].parent_resource_id: Authorization resource not found: 'authz_resource_none'.",
            ),
            (
                format!("{{ {folder}, parent_resource_type_slug: folder, parent_resource_external_id: y }}"),
                "[0].parent_resource_external_id: the resources above it stand below one another in a circle.",
            ),
        ] {
            let found = refused(&format!("\n        resources: [{resources}]")).await;
            assert!(found[0].starts_with(&here(expected)), "{found:?}");
        }
        let found = refused(&chain(17)).await;
        assert!(found[0].starts_with(&here("[16].parent_resource_external_id: Resources may stand")), "{found:?}");
        assert_eq!(t.pages("/organizations").await.len(), 0);

        apply(&t, &acme(&chain(16))).await;
        closure_is_sound(&t).await;
        let other = json!({ "name": "Other" });
        let other = t.post("/organizations", other).await.created();
        let foreign = t.resource(&other, "project", "far", None).await;
        let id = t.get("/authorization/organizations/org_acme/resources/folder/f2").await.ok()["id"].clone();
        let (id, foreign) = (id.as_str().unwrap(), foreign["id"].as_str().unwrap());
        for (resource, expected) in [
            (format!("{{ id: {id}, {project} }}"), "[0].id: the resource of this id exists with another type"),
            (format!("{{ id: {foreign}, {project} }}"), "[0].id: a resource of this id already exists, in another"),
            (
                "{ id: authz_resource_1, resource_type_slug: folder, external_id: f2, name: F }".to_owned(),
                "[0].id: it exists with the id authz_resource_",
            ),
        ] {
            let found = refused(&format!("\n        resources: [{resource}]")).await;
            assert!(found[0].starts_with(&here(expected)), "{found:?}");
        }
    });
}

#[test]
fn roles_that_cannot_be_given_are_named_with_their_places() {
    story(async |t| {
        apply(&t, &acme(TREE)).await;
        let place = "organizations[0].memberships[0].role_assignments[1]";
        for (role, expected) in [
            ("role: pilot, resource_id: authz_resource_drafts", ".role: Role not found: 'pilot'."),
            ("role: editor, resource_id: authz_resource_drafts", ".role: The role 'editor' is scoped to"),
            ("role: reader, resource_id: authz_resource_none", ".resource_id: Authorization resource not found"),
            (
                "role: member, resource_type_slug: organization, resource_external_id: acme",
                ".resource_external_id: what a membership may do in the organization as a whole",
            ),
            (
                "id: role_assignment_other, role: editor, resource_type_slug: project, resource_external_id: gemini",
                ".id: it exists with the id role_assignment_mine,",
            ),
            (
                "id: role_assignment_mine, role: editor, resource_type_slug: project, resource_external_id: apollo",
                ".id: a role assignment of this id already exists.",
            ),
        ] {
            let families = format!(
                "
        memberships:
          - email: ann@acme.test
            role_assignments:
              - {{ role: reader, resource_type_slug: folder, resource_external_id: old }}
              - {{ {role} }}"
            );
            let found = faults(run(&t, &read(&t, &acme(&families)).unwrap(), Mode::Apply).await);
            assert!(found[0].starts_with(&format!("{place}{expected}")), "{found:?}");
        }
        let resource = |i| format!("\n          - {{ resource_type_slug: project, external_id: p{i}, name: P }}");
        let resources: String = (0..1001).map(resource).collect();
        let role = |i| {
            format!("\n              - {{ role: editor, resource_type_slug: project, resource_external_id: p{i} }}")
        };
        let roles: String = (0..1001).map(role).collect();
        let group = format!("\n        groups:\n          - name: Crowd\n            role_assignments:{roles}");
        let text = acme(&format!("\n        resources:{resources}{group}"));
        let found = faults(run(&t, &read(&t, &text).unwrap(), Mode::Apply).await);
        assert_eq!(
            found,
            ["organizations[0].groups[0].role_assignments[1000]: there would be more than 1000 role assignments."]
        );
        assert_eq!(t.get("/organizations/org_acme/groups").await.ok()["data"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn trees_and_the_roles_on_them_are_exported_and_made_again_elsewhere() {
    story(async |t| {
        apply(&t, &acme(TREE)).await;
        apply(&t, &acme(&chain(16))).await;
        // More than go into one statement, some below what was made after them, and a member with very many roles.
        let many: String = (0..2300)
            .map(|i| {
                format!(
                    "\n          - {{ resource_type_slug: folder, external_id: 'no {i}', name: \"- {i}: x\",
              parent_resource_type_slug: folder, parent_resource_external_id: plans }}"
                )
            })
            .collect();
        let roles: String = (0..1200)
            .map(|i| {
                format!(
                    "\n              - {{ role: reader, resource_type_slug: folder, resource_external_id: 'no {i}' }}"
                )
            })
            .collect();
        let families = format!(
            "
        resources:{many}
        memberships:
          - email: ann@acme.test
            role_assignments:{roles}
        groups:
          - name: Crew
            role_assignments:{}",
            roles.lines().take(71).collect::<Vec<_>>().join("\n")
        );
        assert_eq!(apply(&t, &acme(&families)).await.len(), 2300 + 1200 + 70);
        assert_eq!(apply(&t, &acme(&families)).await, [""; 0]);
        let path = |name: &str| format!("/authorization/organizations/org_acme/resources/folder/{name}");
        let late = t.get(path("no%202299")).await.ok();
        t.patch(path("old"), json!({ "parent_resource_id": late["id"] })).await.ok();
        let other = t.post("/organizations", json!({ "name": "Other" })).await.created();
        t.resource(&other, "project", "apollo", None).await;

        let text = export(&t, Secrets::Hidden).await;
        assert_eq!(text.matches("\n      - id: authz_resource_").count(), 5 + 16 + 2300 + 1);
        assert_eq!(text.matches("\n          - id: role_assignment_").count(), 2 + 1200);
        assert_eq!(text.matches("\n          - id: gra_").count(), 2 + 70);
        let copy = made_again(&t, &text).await;
        assert_eq!(export(&copy, Secrets::Hidden).await, text);
        assert_eq!(tree(&copy).await, tree(&t).await);
        closure_is_sound(&copy).await;
        assert!(reads(&copy, "ann@acme.test", "old").await);
        // Applied where it comes from, it changes nothing.
        let report = run(&t, &vestibule::seed::read(&super::file(&t, "yaml", &text)).unwrap(), Mode::Apply).await;
        assert_eq!(changes(&report.unwrap()), [""; 0]);
    });
}
