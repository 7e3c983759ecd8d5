//! Types of resources of a seed.

use serde_json::{Value, json};
use vestibule::seed::{Mode, Secrets, export};

use super::{apply, faults, read, run};
use crate::harness::{Test, story};

const SEED: &str = "
    resourceTypes:
      - { slug: file, name: File, parents: [folder, project] }
      - { slug: folder, name: Folder, description: Nested, parents: [project, folder] }
      - { slug: project, name: Project }
    permissions:
      - { slug: file:read, name: Read, resource_type: file }
      - { slug: project:read, name: Read, resource_type_slug: project }
    roles:
      - { slug: editor, name: Editor, resource_type: project, permissions: [file:read, project:read] }
    ";

async fn types(t: &Test) -> Vec<(Value, Value)> {
    let list = t.operator().get(t.resource_types()).await.ok();
    let mut types: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|kind| (kind["slug"].clone(), kind["parents"].clone())).collect();
    types.sort_by_key(|(slug, _)| slug.to_string());
    types
}

#[test]
fn types_are_made_whatever_their_order_and_roles_and_permissions_are_of_them() {
    story(async |t| {
        let made = apply(&t, SEED).await;
        assert_eq!(
            made,
            [
                "create resource type 'project'",
                "create resource type 'folder'",
                "create resource type 'file'",
                "create permission 'file:read'",
                "create permission 'project:read'",
                "create role 'editor'",
            ]
        );
        let expected = [
            (json!("file"), json!(["folder", "project"])),
            (json!("folder"), json!(["folder", "project"])),
            (json!("organization"), json!([])),
            (json!("project"), json!(["organization"])),
        ];
        assert_eq!(types(&t).await, expected);
        let role = t.get("/authorization/roles/editor").await.ok();
        assert_eq!(role["resource_type_slug"], "project");
        assert_eq!(role["permissions"], json!(["file:read", "project:read"]));
        assert_eq!(t.get("/authorization/permissions/file:read").await.ok()["resource_type_slug"], "file");
        assert_eq!(apply(&t, SEED).await, [] as [&str; 0]);

        let changed = apply(&t, "resourceTypes: [{ slug: file, name: Paper, parents: [folder] }]").await;
        assert_eq!(changed, ["update resource type 'file'"]);
        assert_eq!(types(&t).await[0], (json!("file"), json!(["folder"])));
        let again = apply(&t, "resourceTypes: [{ slug: folder, name: Folder }]").await;
        assert_eq!(again, [] as [&str; 0], "what is not said stays");
    });
}

#[test]
fn an_export_has_the_types() {
    story(async |t| {
        apply(&t, SEED).await;
        let mut text = Vec::new();
        let database = t.app.database();
        export(database, &t.environment, Secrets::Hidden, &mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let types = text.find("resourceTypes:").unwrap();
        assert!(types < text.find("permissions:").unwrap(), "{text}");
        assert!(!text.contains("slug: organization\n"), "{text}");
        // The same text applied to the environment that it came from changes nothing.
        let (_, families) = text.split_once("resourceTypes:\n").unwrap();
        assert_eq!(apply(&t, &format!("resourceTypes:\n{families}")).await, [] as [&str; 0]);
    });
}

#[test]
fn what_a_role_keeps_of_a_type_that_moved_away_is_not_exported() {
    story(async |t| {
        apply(&t, SEED).await;
        let text = "
            resourceTypes:
              - { slug: file, name: File, parents: [organization] }
              - { slug: folder, name: Folder, parents: [project, folder] }";
        assert_eq!(apply(&t, text).await, ["update resource type 'file'"]);
        let role = t.get("/authorization/roles/editor").await.ok();
        assert_eq!(role["permissions"], json!(["file:read", "project:read"]));
        let text = super::export::export(&t, Secrets::Hidden).await;
        let (_, editor) = text.split_once("slug: editor").unwrap();
        assert!(editor.contains("project:read") && !editor.contains("file:read"), "{editor}");
        let copy = super::export::made_again(&t, &text).await;
        assert_eq!(super::export::export(&copy, Secrets::Hidden).await, text);
    });
}

#[test]
fn what_is_wrong_with_a_type_is_named_with_its_place() {
    story(async |t| {
        let text = "
            resourceTypes:
              - { slug: Bad, name: '' }
              - { slug: twin, name: Twin }
              - { slug: twin, name: Twin }
            roles:
              - { slug: a, name: A, resource_type: twin, resource_type_slug: organization }
            ";
        let named = faults(read(&t, text));
        for place in
            ["resourceTypes[0].slug", "resourceTypes[0].name", "resourceTypes[2].slug", "roles[0].resource_type"]
        {
            assert!(named.iter().any(|line| line.starts_with(place)), "{place}: {named:#?}");
        }
        let text = "resourceTypes: [{ slug: a, name: A, parents: [b] }, { slug: b, name: B, parents: [a] }]";
        let named = faults(run(&t, &read(&t, text).unwrap(), Mode::Apply).await);
        assert!(named[0].starts_with("resourceTypes[0]"), "{named:?}");
        assert_eq!(types(&t).await.len(), 1);
    });
}
