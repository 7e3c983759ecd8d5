//! Seeds: what a file says becomes true, once, wholly, and with its events.

mod export;
mod mistakes;
mod passwords;
mod resource_types;
mod resources;
mod waitlists;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vestibule::seed::{self, Failure, Mode, Report, Seed, Tools};

use crate::harness::{Test, story};

const EMULATOR: &str = include_str!("../fixtures/emulator.yaml");

/// A file of this text, whose name no other test has.
fn file(t: &Test, extension: &str, text: &str) -> PathBuf {
    let name = format!("{}.{extension}", t.app.database().mint.ulid());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A seed of this test's own environment: the text has none of its own.
fn read(t: &Test, text: &str) -> Result<Seed, Failure> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let margin = &first[..first.len() - first.trim_start().len()];
    let lines: Vec<_> = text.lines().map(|line| line.strip_prefix(margin).unwrap_or(line)).collect();
    let text = format!("environment: {{ id: {} }}\n{}\n", t.environment.id, lines.join("\n"));
    seed::read(&file(t, "yaml", &text))
}

async fn run(t: &Test, seed: &Seed, mode: Mode) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (database, hasher) = (t.app.database(), t.app.hasher());
    let tools = Tools { database, hasher, keyring: t.app.keyring(), http: t.app.http(), plain: t.app.plain_http() };
    seed::apply(tools, seed, mode, &mut report).await?;
    Ok(report)
}

/// Applies a text to this test's environment; the changes, a line each.
async fn apply(t: &Test, text: &str) -> Vec<String> {
    changes(&run(t, &read(t, text).unwrap(), Mode::Apply).await.unwrap())
}

fn changes(report: &Report) -> Vec<String> {
    report.changes.iter().map(ToString::to_string).collect()
}

/// The lines of a refusal of the file, each with its place.
fn faults(outcome: Result<impl std::fmt::Debug, Failure>) -> Vec<String> {
    let failure = outcome.unwrap_err();
    assert!(matches!(failure, Failure::Faults(..)), "{failure}");
    failure.to_string().lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_seed_file_of_the_emulator_is_applied_as_it_is() {
    story(async |t| {
        let seed = read(&t, EMULATOR).unwrap();
        let report = run(&t, &seed, Mode::Apply).await.unwrap();
        assert_eq!(
            changes(&report),
            [
                "create permission 'posts:read'",
                "create permission 'posts:write'",
                "create role 'editor'",
                "create role 'admin'",
                "update order of roles 'member, admin, editor'",
                "create user 'ann@heron.example'",
                "create user 'Ben@Heron.example'",
                "create user 'cyd@elsewhere.example'",
                "create organization 'Heron & Co'",
                "create organization 'Egret'",
                "create role 'org-billing'",
                "create membership 'ann@heron.example in Heron & Co'",
                "create membership 'Ben@Heron.example in Heron & Co'",
                "create role 'guest'",
                "create membership 'cyd@elsewhere.example in Heron & Co'",
                "create group 'Engineering in Heron & Co'",
                "create membership 'ann@heron.example in Egret'",
                "create key of a customer 'sk_...omer'",
                "create JWT template 'default'",
                "create webhook endpoint 'http://localhost:3000/webhooks'",
            ]
        );

        let ann = t.get("/user_management/users/user_01SEEDANN").await.ok();
        assert_eq!((&ann["email_verified"], &ann["external_id"]), (&json!(true), &json!("crm-17")));
        assert_eq!(ann["metadata"], json!({ "tier": "gold", "since": "2019" }));
        let heron = t.get("/organizations/external_id/heron").await.ok();
        assert_eq!(heron["id"], "org_01SEEDHERON");
        assert_eq!(heron["allow_profiles_outside_organization"], true);
        let domains: Vec<_> =
            heron["domains"].as_array().unwrap().iter().map(|d| (&d["domain"], &d["state"])).collect();
        let (heron, pending) = (json!("heron.example"), json!("pending"));
        assert_eq!(domains, [(&heron, &json!("verified")), (&json!("heron.test"), &pending)]);

        let memberships = t.pages("/user_management/organization_memberships?order=asc&statuses=active,inactive,pending&organization_id=org_01SEEDHERON").await;
        let shown: Vec<_> = memberships
            .iter()
            .map(|membership| (membership["role"]["slug"].as_str().unwrap(), membership["status"].as_str().unwrap()))
            .collect();
        assert_eq!(shown, [("admin", "active"), ("member", "active"), ("guest", "inactive")]);
        let editor = t.get("/authorization/roles/editor").await.ok();
        assert_eq!(editor["permissions"], json!(["posts:read", "posts:write"]));
        let roles = t.get("/authorization/organizations/org_01SEEDHERON/roles").await.ok();
        let slugs: Vec<_> =
            roles["data"].as_array().unwrap().iter().map(|role| role["slug"].as_str().unwrap()).collect();
        assert_eq!(slugs, ["member", "admin", "editor", "org-billing", "guest"]);

        let named = |warning: &String| warning.split([' ', ':']).next().unwrap().to_owned();
        let left_out: Vec<_> = seed.warnings.iter().map(named).collect();
        assert_eq!(
            left_out,
            [
                "organizations[0].entitlements",
                "users[0].oauth_idp_id",
                "users[0].oauth_provider",
                "users[1].impersonator",
                "users[1].totp",
                "connectApplications",
                "connectedAccounts",
                "connections",
                "errorHooks",
                "invitations",
            ]
        );
        let invitations = "invitations was left out: a seed sends no mail (make them through the API).";
        assert_eq!(seed.warnings.last().unwrap(), invitations);
        let open: Vec<_> = report.warnings.iter().map(named).collect();
        assert_eq!(open, ["roles[0].permissions[2]", "organizations[0].memberships[2].role"]);
    });
}

#[test]
fn applied_again_a_seed_changes_nothing_and_is_no_event() {
    story(async |t| {
        let seed = read(&t, EMULATOR).unwrap();
        run(&t, &seed, Mode::Apply).await.unwrap();
        let names = [
            "user.created",
            "user.updated",
            "organization.created",
            "organization.updated",
            "organization_domain.created",
            "organization_domain.updated",
            "organization_domain.verified",
            "organization_membership.created",
            "organization_membership.updated",
            "role.created",
            "role.updated",
            "organization_role.created",
            "organization_role.updated",
            "permission.created",
            "permission.updated",
        ];
        let before = t.events(&names).await;
        let count = |name: &str| before.iter().filter(|event| event["event"] == name).count();
        assert_eq!((count("user.created"), count("organization_membership.created")), (3, 4));
        t.app.database().clock.advance(60);
        assert_eq!(run(&t, &seed, Mode::Apply).await.unwrap().changes, []);
        assert_eq!(t.events(&names).await, before);
    });
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    story(async |t| {
        let seed = read(&t, EMULATOR).unwrap();
        let dry = run(&t, &seed, Mode::DryRun).await.unwrap();
        assert_eq!(t.pages("/organizations").await.len(), 0);
        assert_eq!(t.pages("/user_management/users").await.len(), 0);
        assert_eq!(t.events(&["user.created", "organization.created", "role.created"]).await.len(), 0);
        assert_eq!(run(&t, &seed, Mode::Apply).await.unwrap(), dry);
        assert_eq!(run(&t, &seed, Mode::DryRun).await.unwrap().changes, []);
    });
}

#[test]
fn two_servers_that_start_with_one_seed_make_everything_once() {
    story(async |t| {
        let seed = read(&t, EMULATOR).unwrap();
        let [one, two] = std::array::from_fn(|_| run(&t, &seed, Mode::Apply));
        let (one, two) = tokio::join!(one, two);
        let mut counts = [one.unwrap().changes.len(), two.unwrap().changes.len()];
        counts.sort_unstable();
        // The one that comes second has hashed passwords for users that it did not see yet.
        assert!(counts[0] <= 2 && counts[1] == 20, "{counts:?}");
        assert_eq!(t.pages("/organizations").await.len(), 2);
        assert_eq!(t.pages("/user_management/users").await.len(), 3);
    });
}

#[test]
fn what_the_file_says_is_changed_and_what_it_does_not_say_is_left_alone() {
    story(async |t| {
        let body = json!({ "name": "Acme", "metadata": { "kept": "1", "changed": "1" }, "external_id": "a",
                           "domain_data": [{ "domain": "kept.test", "state": "pending" }] });
        let before = t.post("/organizations", body).await.created();
        let other = t.organization("Other").await;
        let body = json!({ "email": "ann@acme.test", "first_name": "Ann", "last_name": "Arbor" });
        let ann = t.post("/user_management/users", body).await.created();
        let text = "
            organizations:
              - name: Acme
                metadata: { changed: '2', added: '2' }
                domains: [{ domain: added.test, state: verified }]
            users:
              - { email: ANN@acme.test, last_name: Baker }";
        let changed = apply(&t, text).await;
        assert_eq!(changed, ["update user 'ANN@acme.test'", "update organization 'Acme'"]);
        let after = t.get(format!("/organizations/{}", before["id"].as_str().unwrap())).await.ok();
        assert_eq!(after["metadata"], json!({ "kept": "1", "changed": "2", "added": "2" }));
        assert_eq!(after["external_id"], "a");
        assert_eq!(after["domains"][0], before["domains"][0]);
        assert_eq!(after["domains"][1]["domain"], "added.test");
        let after = t.get(format!("/user_management/users/{}", ann["id"].as_str().unwrap())).await.ok();
        assert_eq!((&after["first_name"], &after["last_name"]), (&json!("Ann"), &json!("Baker")));
        assert_eq!(t.get(format!("/organizations/{}", other["id"].as_str().unwrap())).await.ok(), other);
        assert_eq!(apply(&t, text).await, [""; 0]);
    });
}

#[test]
fn an_organization_is_known_by_its_id_or_external_id_or_name() {
    story(async |t| {
        apply(&t, "organizations: [{ name: Acme }]").await;
        let acme = t.pages("/organizations").await.remove(0);
        assert_eq!(apply(&t, "organizations: [{ name: Acme, external_id: a }]").await, ["update organization 'Acme'"]);
        assert_eq!(apply(&t, "organizations: [{ name: Acme Ltd, external_id: a }]").await.len(), 1);
        // Of the same name, but known by another external id: another one.
        let made = apply(&t, "organizations: [{ name: Acme Ltd, external_id: b }]").await;
        assert_eq!(made, ["create organization 'Acme Ltd'"]);
        let text = format!("organizations: [{{ name: First, id: {} }}]", acme["id"].as_str().unwrap());
        assert_eq!(apply(&t, &text).await, ["update organization 'First'"]);
        assert_eq!(t.pages("/organizations").await.len(), 2);
        apply(&t, "organizations: [{ name: Acme Ltd, id: org_mine }]").await;
        assert_eq!(t.get("/organizations/org_mine").await.ok()["name"], "Acme Ltd");
        let twice = read(&t, "organizations: [{ name: Acme Ltd }]").unwrap();
        let refused = faults(run(&t, &twice, Mode::Apply).await);
        assert_eq!(
            refused,
            ["organizations[0].name: several organizations are called 'Acme Ltd': give the id of the one meant."]
        );
    });
}

#[test]
fn an_environment_is_changed_wholly_or_not_at_all() {
    story(async |t| {
        let body = json!({ "name": "Owner", "domain_data": [{ "domain": "taken.test", "state": "verified" }] });
        t.post("/organizations", body).await.created();
        let text = "
            users: [{ email: ann@acme.test, password: test123 }]
            organizations:
              - name: First
              - name: Second
                domains: [{ domain: free.test }, { domain: taken.test }]";
        let refused = faults(run(&t, &read(&t, text).unwrap(), Mode::Apply).await);
        assert_eq!(refused, ["organizations[1]: An Organization with the domain taken.test already exists."]);
        assert_eq!(t.pages("/organizations").await.len(), 1);
        assert_eq!(t.pages("/user_management/users").await.len(), 0);
        assert_eq!(t.events(&["user.created", "organization.created"]).await.len(), 1);
    });
}

#[test]
fn several_environments_are_made_with_their_keys_and_stay_apart() {
    story(async |t| {
        let ulid = t.app.database().mint.ulid();
        let text = format!(
            "environments:
               - name: Local {ulid}
                 clientId: client_local_{ulid}
                 apiKey: sk_local_{ulid}
                 apiKeys: {{ sk_more_{ulid}: {{ environment: test }} }}
                 organizations: [{{ id: org_same, name: Local }}]
               - name: Staging {ulid}
                 apiKey: sk_staging_{ulid}
                 organizations: [{{ id: org_same, name: Staging }}]
                 colour: blue"
        );
        let seed = seed::read(&file(&t, "yaml", &text)).unwrap();
        assert_eq!(seed.warnings, ["environments[1].colour is unknown and was left out."]);
        assert_eq!(run(&t, &seed, Mode::Apply).await.unwrap().changes.len(), 7);
        for (key, name) in [("local", "Local"), ("more", "Local"), ("staging", "Staging")] {
            let there = t.with_key(&format!("sk_{key}_{ulid}"));
            assert_eq!(there.get("/organizations/org_same").await.ok()["name"], name);
        }
        assert_eq!(run(&t, &seed, Mode::Apply).await.unwrap().changes, []);
        t.get("/organizations/org_same").await.missing();
    });
}

#[test]
fn an_environment_is_renamed_but_keeps_its_client_id_and_its_keys() {
    story(async |t| {
        let apply = async |environment: String| {
            let seed = seed::read(&file(&t, "yaml", &format!("environment: {environment}\n"))).unwrap();
            run(&t, &seed, Mode::Apply).await.map(|report| changes(&report))
        };
        let (id, client_id) = (&t.environment.id, &t.environment.client_id);
        let name = format!("Renamed {id}");
        let renamed = apply(format!("{{ name: {name}, clientId: {client_id} }}")).await.unwrap();
        assert_eq!(renamed, [format!("update environment '{name}'")]);
        let refused = faults(apply(format!("{{ id: {id}, clientId: client_other }}")).await);
        assert!(refused[0].starts_with("environment.clientId: environment 'Renamed"), "{refused:?}");
        let other = t.neighbour().await;
        let refused = faults(apply(format!("{{ id: {id}, apiKey: {} }}", other.key)).await);
        assert!(refused[0].starts_with("environment.apiKey: this API key already exists"), "{refused:?}");
        assert!(!refused[0].contains(&other.key));
        let refused = faults(apply(format!("{{ id: {id}, apiKey: sk_short }}")).await);
        assert!(refused[0].starts_with("environment.apiKey"), "{refused:?}");
        let key = format!("sk_again_{}", t.app.database().mint.ulid());
        assert_eq!(apply(format!("{{ name: {name}, apiKey: {key} }}")).await.unwrap().len(), 1);
        assert_eq!(apply(format!("{{ name: {name}, apiKey: {key} }}")).await.unwrap(), [""; 0]);
        t.with_key(&key).get("/organizations").await.ok();
        t.get("/organizations").await.ok();
    });
}

#[test]
fn roles_take_the_permissions_default_and_order_of_the_file() {
    story(async |t| {
        let text = |permissions: &str, default: bool| {
            format!(
                "
                 permissions: [{{ slug: a, name: A }}, {{ slug: b, name: B }}]
                 roles:
                   - {{ slug: admin, name: Admin, priority: 1, permissions: {permissions}, is_default_role: {default} }}
                   - {{ slug: member, name: Member, priority: 2 }}"
            )
        };
        apply(&t, &text("[a, b]", false)).await;
        let order = async || -> Vec<Value> {
            let list = t.get("/authorization/roles").await.ok();
            list["data"].as_array().unwrap().iter().map(|role| role["slug"].clone()).collect()
        };
        assert_eq!(order().await, ["admin", "member"]);
        // A permission that the file no longer gives is taken: what a role permits must not outlive its description.
        assert_eq!(apply(&t, &text("[b]", false)).await, ["update role 'admin'"]);
        assert_eq!(t.get("/authorization/roles/admin").await.ok()["permissions"], json!(["b"]));
        assert_eq!(apply(&t, &text("[b]", true)).await, ["update default role 'admin'"]);
        assert_eq!(apply(&t, &text("[b]", true)).await, [""; 0]);
        assert_eq!(apply(&t, &text("null", false)).await, [""; 0]);
        assert_eq!(t.get("/authorization/roles/admin").await.ok()["permissions"], json!(["b"]));
        let text = "
            users: [{ email: ann@acme.test }]
            organizations: [{ name: Acme, memberships: [{ email: ann@acme.test }] }]";
        apply(&t, text).await;
        let acme = t.pages("/organizations").await.remove(0)["id"].as_str().unwrap().to_owned();
        let list = format!("/user_management/organization_memberships?organization_id={acme}");
        let membership = t.pages(&list).await.remove(0);
        assert_eq!(membership["role"]["slug"], "admin");
    });
}

#[test]
fn a_membership_follows_the_file_and_a_pending_one_may_have_become_active() {
    story(async |t| {
        let text = |rest: &str| {
            format!(
                "
                 users: [{{ email: ann@acme.test }}]
                 roles: [{{ slug: admin, name: Admin }}]
                 organizations: [{{ name: Acme, memberships: [{{ email: ann@acme.test, {rest} }}] }}]"
            )
        };
        apply(&t, &text("id: om_pinned, status: active")).await;
        let path = "/user_management/organization_memberships/om_pinned";
        let shown = async || {
            let membership = t.get(path).await.ok();
            (membership["role"]["slug"].clone(), membership["status"].clone())
        };
        assert_eq!(shown().await, (json!("member"), json!("active")));
        assert_eq!(apply(&t, &text("status: pending")).await, [""; 0]);
        let line = "update membership 'ann@acme.test in Acme'";
        assert_eq!(apply(&t, &text("role: admin, status: inactive")).await, [line]);
        assert_eq!(shown().await, (json!("admin"), json!("inactive")));
        assert_eq!(apply(&t, &text("")).await, [""; 0]);
        assert_eq!(apply(&t, &text("status: active")).await, [line]);
        assert_eq!(shown().await, (json!("admin"), json!("active")));
        let refused = faults(run(&t, &read(&t, &text("roles: [admin, member]")).unwrap(), Mode::Apply).await);
        assert_eq!(refused, ["organizations[0].memberships[0]: Multiple roles are not enabled for this environment."]);
        let text = "organizations: [{ name: Acme, memberships: [{ email: bob@acme.test }] }]";
        let refused = faults(run(&t, &read(&t, text).unwrap(), Mode::Apply).await);
        assert!(refused[0].starts_with("organizations[0].memberships[0].email: there is no user"), "{refused:?}");
    });
}

#[test]
fn a_role_of_an_organization_that_is_not_there_is_named() {
    story(async |t| {
        let text = "roles: [{ slug: org-x, name: X, organization_id: org_nowhere }]";
        let refused = faults(run(&t, &read(&t, text).unwrap(), Mode::Apply).await);
        assert!(refused[0].starts_with("roles[0].organization_id: there is no organization"), "{refused:?}");
        let text = "
            organizations: [{ id: org_here, name: Here }]
            roles: [{ slug: x, name: X, organization_id: org_here }]";
        let refused = faults(run(&t, &read(&t, text).unwrap(), Mode::Apply).await);
        assert_eq!(refused, ["roles[0].slug must begin with 'org-'."]);
    });
}

#[test]
fn a_file_may_be_as_long_as_it_likes_and_aliases_may_not() {
    story(async |t| {
        let text = |members: &str| {
            format!("organizations:\n  - name: Acme\n    groups:\n      - {{ name: All, members: [{members}] }}")
        };
        let seed = read(&t, &text(&"a, ".repeat(260_000))).unwrap();
        assert_eq!(seed.warnings, [""; 0]);
        let (mut bomb, mut above) = ("x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned(), 0);
        for level in 1..9 {
            let ten = [format!("*x{above}").as_str(); 10].join(", ");
            bomb.push_str(&format!("x-{level}: &x{level} [{ten}]\n"));
            above = level;
        }
        let failure = seed::read(&file(&t, "yaml", &bomb)).unwrap_err().to_string();
        assert!(failure.contains("it is not YAML"), "{failure}");
    });
}

#[test]
fn the_example_of_the_handbook_is_applied_without_a_warning() {
    story(async |t| {
        let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/seed.md")).unwrap();
        let (_, rest) = page.split_once("<!-- example: begin -->\n```yaml\n").expect("a begin marker");
        let (example, _) = rest.split_once("```\n<!-- example: end -->").expect("an end marker");
        // The names of environments and keys are unique on a server, which other tests share.
        let ulid = t.app.database().mint.ulid();
        let example = ["client_", "sk_"]
            .iter()
            .fold(example.to_owned(), |text, prefix| text.replace(prefix, &format!("{prefix}{ulid}_")));
        let seed = seed::read(&file(&t, "yaml", &example)).unwrap();
        assert_eq!(seed.warnings, [""; 0]);
        let report = run(&t, &seed, Mode::Apply).await.unwrap();
        assert_eq!(report.warnings, [""; 0]);
        assert!(report.changes.len() > 10, "{:?}", changes(&report));
        assert_eq!(run(&t, &seed, Mode::Apply).await.unwrap().changes, []);
    });
}
