//! Scenarios: small organizations written down as YAML with everything that is true in them.
//!
//! What a scenario does not call true is false. For every member, permission and resource the check, discovery below every
//! resource, and who can must all say so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::world::{ROOT, World};
use crate::harness::{Test, story};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// Types, each with its parents; those that are named by others first.
    types: Vec<(String, Vec<String>)>,
    /// Permissions, each with its type.
    permissions: BTreeMap<String, String>,
    /// Roles, each with its type and its permissions.
    roles: BTreeMap<String, (String, Vec<String>)>,
    members: Vec<String>,
    #[serde(default)]
    inactive: Vec<String>,
    /// Groups, each with its members.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    /// Resources, each with its type and its parent, in the order of their making.
    resources: Vec<(String, String, String)>,
    /// Member or group, role, resource.
    assignments: Vec<(String, String, String)>,
    /// Resources that are put below others in the end.
    #[serde(default)]
    moves: Vec<(String, String)>,
    /// For each member and permission, on which resources.
    truth: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

async fn build(t: Test, scenario: &Scenario) -> World {
    let settings = format!("/admin/v1/environments/{}/settings", t.environment.id);
    t.operator().patch(settings, json!({ "multiple_roles": true })).await.ok();
    for (slug, parents) in &scenario.types {
        let parents: Vec<_> = parents.iter().map(String::as_str).collect();
        t.resource_type(slug, &parents).await;
    }
    let mut world = World::new(t).await;
    for (slug, kind) in &scenario.permissions {
        world.permission(slug, kind).await;
    }
    for (slug, (kind, permissions)) in &scenario.roles {
        world.role(slug, kind, &permissions.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    for name in &scenario.members {
        world.member(name).await;
    }
    for (name, members) in &scenario.groups {
        world.group(name).await;
        for member in members {
            world.join(member, name).await;
        }
    }
    for (name, kind, parent) in &scenario.resources {
        world.resource(name, kind, parent).await;
    }
    for (subject, role, resource) in &scenario.assignments {
        world.assign(subject, role, resource).await;
    }
    for (name, parent) in &scenario.moves {
        world.move_below(name, parent).await;
    }
    for name in &scenario.inactive {
        world.set_active(name, false).await;
    }
    world
}

/// The parents as they are in the end.
fn parents(scenario: &Scenario) -> BTreeMap<&str, &str> {
    let first = scenario.resources.iter().map(|(name, _, parent)| (name.as_str(), parent.as_str()));
    first.chain(scenario.moves.iter().map(|(name, parent)| (name.as_str(), parent.as_str()))).collect()
}

async fn run(t: Test, file: &str, scenario: &Scenario) {
    let world = build(t, scenario).await;
    let parents = parents(scenario);
    let is_below = |name: &str, other: &str| {
        std::iter::successors(parents.get(name).copied(), |above| parents.get(above).copied())
            .any(|above| above == other)
    };
    let is_true = |member: &str, permission: &str, resource: &str| {
        let of_member = scenario.truth.get(member).and_then(|of| of.get(permission));
        of_member.is_some_and(|resources| resources.contains(resource))
    };
    let resources: Vec<_> =
        std::iter::once(ROOT).chain(scenario.resources.iter().map(|(name, ..)| name.as_str())).collect();
    for (permission, kind) in &scenario.permissions {
        for resource in &resources {
            let can: Vec<_> =
                scenario.members.iter().filter(|member| is_true(member, permission, resource)).cloned().collect();
            let found = world.member_names(&world.members_with(permission, resource, "indirect"), 2, "asc").await;
            assert_eq!(found, can, "{file}: who can {permission} on {resource}");
            for member in &scenario.members {
                let question = format!("{file}: {member} {permission} {resource}");
                let found = world.may(member, permission, resource).await;
                assert_eq!(found, is_true(member, permission, resource), "{question}");
                let below = |name: &&&str| {
                    world.types[**name] == *kind && is_below(name, resource) && is_true(member, permission, name)
                };
                let expected: Vec<_> = resources.iter().filter(below).map(ToString::to_string).collect();
                let found = world.names(&world.resources_of(member, permission, resource), 2, "asc").await;
                assert_eq!(found, expected, "{question}: discovery");
            }
        }
    }
}

#[test]
fn every_scenario_is_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/decisions/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "the scenarios are there");
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let scenario: Scenario = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        story(async |t| run(t, &name, &scenario).await);
    }
}
