//! What is wrong with a file: named with its place, and without repeating secrets.

use std::path::Path;

use serde_json::json;
use vestibule::seed::{self, Mode};

use super::{apply, changes, faults, file, read, run};
use crate::harness::story;

#[test]
fn the_faults_of_a_file_are_named_together_with_their_places() {
    story(async |t| {
        let text = "
            users:
              - email: ann@acme.test
              - { email: Ann@acme.test, id: someone, first_name: 7, password: '' }
              - email: nobody
              - {}
            organizations:
              - name: Acme
                external_id: é
                domains: [{ domain: acme.test }, { domain: ACME.test, state: owned }]
                memberships:
                  - { email: ann@acme.test, role: a, roles: [a] }
                  - { email: ann@acme.test, status: gone }
              - name: ' '
            roles:
              - { slug: Admin, name: Admin, is_default_role: true }
              - { slug: b, name: B, is_default_role: true, type: OrganizationRole }
            permissions: posts:read";
        let found = faults(read(&t, text));
        let places: Vec<_> = found.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        // What has not the right form cannot be held against the rest: those faults are told first.
        assert_eq!(
            places,
            [
                "organizations[0].domains[1].state",
                "organizations[0].memberships[1].status",
                "permissions",
                "users[1].id",
                "users[1].first_name",
                "users[3].email",
            ]
        );
        assert!(found[3].ends_with("must be an id that begins with user_."), "{}", found[3]);
        let text = "
            users:
              - { email: ann@acme.test, external_id: x }
              - { email: Ann@acme.test, external_id: x, password: '' }
              - email: nobody
            organizations:
              - name: Acme
                external_id: é
                domains: [{ domain: acme.test }, { domain: ACME.test }]
                memberships:
                  - { email: ann@acme.test, role: a, roles: [a] }
                  - { email: ANN@acme.test }
              - name: ' '
              - name: Acme
            roles:
              - { slug: Admin, name: Admin, is_default_role: true }
              - { slug: b, name: B, is_default_role: true }
              - { slug: c, name: C, type: OrganizationRole }
              - { slug: c, name: C, type: EnvironmentRole, organization_id: org_1 }
            permissions: [{ slug: 'posts:read', name: Read }, { slug: 'posts:read', name: Read }]";
        let found = faults(read(&t, text));
        let places: Vec<_> = found.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "permissions[1].slug",
                "roles[0].slug",
                "roles[1].is_default_role",
                "roles[2].organization_id",
                "roles[3].organization_id",
                "organizations[0].external_id",
                "organizations[0].domains[1].domain",
                "organizations[0].memberships[0]",
                "organizations[0].memberships[1].email",
                "organizations[1].name",
                "organizations[2].name",
                "users[1].email",
                "users[1].external_id",
                "users[1].password",
                "users[2].email",
            ]
        );
        assert_eq!(found[10], "organizations[2].name is the same as organizations[0].name.");
    });
}

#[test]
fn a_key_that_nobody_knows_is_named_with_the_one_that_was_meant() {
    story(async |t| {
        let text = "
            user: []
            colour: blue
            sk_test_0123456789: { environment: test }
            organizations: [{ name: Acme, extrenal_id: a, groups: [], domains: [{ domain: acme.test, verified: true }] }]";
        let seed = read(&t, text).unwrap();
        assert_eq!(
            seed.warnings,
            [
                "organizations[0].domains[0].verified is unknown and was left out.",
                "organizations[0].extrenal_id is unknown and was left out (did you mean 'external_id'?).",
                "colour is unknown and was left out.",
                "sk_... is unknown and was left out.",
                "user is unknown and was left out (did you mean 'users'?).",
            ]
        );
        assert_eq!(run(&t, &seed, Mode::Apply).await.unwrap().changes.len(), 1);
    });
}

#[test]
fn a_file_that_cannot_be_read_says_where_and_repeats_nothing_of_it() {
    story(async |t| {
        let read = |extension: &str, text: &str| seed::read(&file(&t, extension, text)).unwrap_err().to_string();
        for text in ["users:\n  - { email: a, password: hunter2", "users:\n\t- password: hunter2\n", "users: *hunter3"]
        {
            let problem = read("yaml", text);
            assert!(problem.contains("it is not YAML") && problem.contains("line"), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        let problem = read("yml", "apiKeys:\n  sk_test_hunter2: {}\n  sk_test_hunter2: {}\n");
        assert!(problem.ends_with("a key comes twice in one mapping, the second time in line 3"), "{problem}");
        let problem = read("json", "{ \"users\": [ { \"password\": \"hunter2\", } ] }");
        assert!(problem.contains("it is not JSON") && !problem.contains("hunter2"), "{problem}");
        assert!(read("yaml", "- users\n").contains("must be a mapping"));
        assert!(
            read("yaml", "apiKeys: sk_test_hunter2\n")
                .ends_with("apiKeys must be a list of keys, or a mapping whose keys are the values of API keys.")
        );
        let missing = seed::read(Path::new("/nowhere/seed.yaml")).unwrap_err();
        assert!(missing.to_string().ends_with("/nowhere/seed.yaml cannot be read"));
    });
}

#[test]
fn yaml_and_json_say_the_same() {
    story(async |t| {
        let id = t.environment.id.to_string();
        let text =
            json!({ "environment": { "id": id }, "organizations": [{ "name": "no", "external_id": "\u{1F426}1" }] });
        let from_json = seed::read(&file(&t, "json", &text.to_string()));
        assert_eq!(faults(from_json), ["organizations[0].external_id must be 1 to 128 ASCII characters."]);
        let text = json!({ "environment": { "id": id }, "organizations": [{ "name": "no" }] });
        let from_json = seed::read(&file(&t, "json", &text.to_string())).unwrap();
        assert_eq!(changes(&run(&t, &from_json, Mode::Apply).await.unwrap()), ["create organization 'no'"]);
        // In YAML 1.1 this name would be false.
        assert_eq!(apply(&t, "organizations:\n  - name: no\n").await, [""; 0]);
        for nothing in ["", "# nothing\n", "users:\norganizations: []\n"] {
            assert_eq!(apply(&t, nothing).await, [""; 0]);
        }
    });
}
