//! Exports: an environment written down, and made again elsewhere.

use serde_json::{Value, json};
use vestibule::domain::installation::{self, Wishes};
use vestibule::kernel::id::EnvironmentId;
use vestibule::seed::{self, Mode, Secrets};
use vestibule::store;

use super::{EMULATOR, apply, changes, file, read, run};
use crate::harness::{PASSWORD, Test, story, story_apart};

pub(super) async fn export(t: &Test, secrets: Secrets<'_>) -> String {
    let mut text = Vec::new();
    let mut system = t.app.database().system().await.unwrap();
    let environment = store::system::environments::get(&mut system, &t.environment.id).await.unwrap();
    drop(system);
    seed::export(t.app.database(), &environment, secrets, &mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// The environment of this id on another server, which somebody has a key to.
async fn entered(other: &Test, id: &EnvironmentId) -> Test {
    let path = format!("/admin/v1/environments/{id}/api_keys");
    let key = other.operator().post(path, json!({ "name": "test" })).await.created();
    let environment = store::system::environments::get(&mut other.app.database().system().await.unwrap(), id).await;
    other.inside(environment.unwrap(), key["value"].as_str().unwrap())
}

/// The same environment on a server of its own, made from the text.
pub(super) async fn made_again(t: &Test, text: &str) -> Test {
    let other = t.elsewhere().await;
    let read = seed::read(&file(t, "yaml", text)).unwrap();
    assert_eq!(read.warnings, [""; 0]);
    let report = run(&other, &read, Mode::Apply).await.unwrap();
    assert_eq!(report.warnings, [""; 0]);
    let again = run(&other, &read, Mode::Apply).await.unwrap();
    assert_eq!(changes(&again), [""; 0]);
    entered(&other, &t.environment.id).await
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// What is left when the moments are taken out.
fn timeless(mut value: Value) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|key, _| !key.ends_with("_at"));
                fields.values_mut().for_each(clear);
            }
            Value::Array(items) => items.iter_mut().for_each(clear),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    clear(&mut value);
    value
}

/// A waitlist with an entry of each state. One who is on it has an account.
async fn waitlist(t: &Test) {
    for (email, action) in
        [("wanda@wait.test", None), ("will@wait.test", Some("approve")), ("wu@wait.test", Some("deny"))]
    {
        let body = json!({ "email": email, "additional_fields": { "company": "yes", "no": " x: y" } });
        let body = if action.is_none() { json!({ "email": email }) } else { body };
        let entry = t.post("/user_management/waitlists/default/entries", body).await.created();
        if let Some(action) = action {
            t.post(format!("/user_management/waitlist_entries/{}/{action}", id(&entry)), json!({})).await.ok();
        }
    }
    t.user("wanda@wait.test").await;
}

/// An environment with something of everything.
async fn world(t: &Test) {
    run(t, &read(t, EMULATOR).unwrap(), Mode::Apply).await.unwrap();
    let settings = json!({ "multiple_roles": true, "session_idle_seconds": 3600, "invitation_days": 5,
                           "invitation_url": "https://app.example.test/join", "waitlist_confirmation_mail": true });
    t.settings(settings).await;
    let ann = t.person("dora@heron.example").await;
    t.put(format!("/user_management/users/{}", id(&ann)), json!({ "locale": "de" })).await.ok();
    let body = json!({ "name": "Twin", "domain_data": [{ "domain": "twin.test", "state": "pending" }] });
    let twin = t.post("/organizations", body).await.created();
    t.organization("Twin").await;
    t.put(format!("/organizations/{}", id(&twin)), json!({ "stripe_customer_id": "cus_1" })).await.ok();
    let joins = json!({ "user_id": ann["id"], "organization_id": twin["id"], "role_slugs": ["admin", "editor"] });
    t.post("/user_management/organization_memberships", joins).await.created();
    let heron = "org_01SEEDHERON";
    let roles = format!("/admin/v1/environments/{}/organizations/{heron}/roles", t.environment.id);
    t.operator().put(format!("{roles}/default"), json!({ "slug": "org-billing" })).await.ok();
    let body = json!({ "endpoint_url": "https://hooks.example.test/a", "events": ["user.created", "flag.updated"] });
    let endpoint = t.post("/webhook_endpoints", body).await.created();
    t.patch(format!("/webhook_endpoints/{}", id(&endpoint)), json!({ "status": "disabled" })).await.ok();
    let text = "
        redirectUris:
          - { uri: 'https://a.example.test/callback' }
          - { uri: 'https://*.example.test/x' }
          - { uri: 'http://localhost:3000/b', default: true }
        corsOrigins: [{ origin: 'https://App.example.test' }]
        oauthResources:
          - { uri: 'https://mcp.example.test/mcp' }
          - { uri: 'https://other.example.test/', default: true }";
    assert_eq!(apply(t, text).await.len(), 6);
    assert_eq!(apply(t, text).await, [""; 0]);
    waitlist(t).await;
    for (name, members) in [("Empty", 0), ("Full", 2)] {
        let groups = "/organizations/org_01SEEDHERON/groups";
        let group = t.post(groups, json!({ "name": name })).await.created();
        let list = "/user_management/organization_memberships?organization_id=org_01SEEDHERON";
        for membership in t.pages(list).await.iter().take(members) {
            let member = json!({ "organization_membership_id": membership["id"] });
            let path = format!("{groups}/{}/organization-memberships", id(&group));
            assert!(t.post(path, member).await.status.is_success());
        }
    }
    t.post("/organizations/org_01SEEDHERON/api_keys", json!({ "name": "Key", "permissions": ["posts:read"] }))
        .await
        .created();
    t.flag(json!({ "slug": "plain", "name": "Plain" })).await;
    let owner = json!({ "email": "ann@heron.example", "first_name": "Ann", "last_name": null });
    t.flag(json!({ "slug": "full", "name": "Full", "owner": owner, "tags": ["a"], "enabled": true })).await;
    let flags = format!("/admin/v1/environments/{}/feature_flags/full", t.environment.id);
    for (kind, name, value) in [("user", id(&ann), false), ("organization", heron, true), ("plan", "pro", true)] {
        let target = json!({ "target_type": kind, "target_id": name, "value": value });
        t.operator().post(format!("{flags}/targets"), target).await.created();
    }
    for value in [true, false] {
        let conditions = json!([
            { "target_type": "plan", "values": ["pro", "team"] }, { "target_type": "user", "values": [ann["id"]] }
        ]);
        t.operator()
            .post(format!("{flags}/rules"), json!({ "value": value, "conditions": conditions }))
            .await
            .created();
    }
}

#[test]
fn an_export_is_made_again_elsewhere_and_exported_again_is_the_same_text() {
    story(async |t| {
        world(&t).await;
        let text = export(&t, Secrets::Shown(t.app.keyring())).await;
        let other = made_again(&t, &text).await;
        assert_eq!(export(&other, Secrets::Shown(other.app.keyring())).await, text);
        assert_eq!(export(&other, Secrets::Hidden).await, export(&t, Secrets::Hidden).await);

        for list in [
            "/organizations?order=asc",
            "/user_management/users?order=asc",
            "/user_management/organization_memberships?order=asc&statuses=active,inactive,pending&organization_id=org_01SEEDHERON",
            "/authorization/permissions?order=asc",
            "/feature-flags?order=asc",
            "/webhook_endpoints?order=asc",
            "/organizations/org_01SEEDHERON/groups?order=asc",
            "/organizations/org_01SEEDHERON/api_keys?order=asc",
            "/user_management/redirect_uris?order=asc",
            "/user_management/cors_origins?order=asc",
            "/user_management/jwt_template",
            "/user_management/waitlists",
            "/user_management/waitlists/default/entries?order=asc",
            "/sdk/feature-flags?payload_version=2",
            "/authorization/roles",
            "/authorization/organizations/org_01SEEDHERON/roles",
        ] {
            let there = timeless(t.get(list).await.ok());
            assert_eq!(timeless(other.get(list).await.ok()), there, "{list}");
        }
        let approved = "/user_management/waitlists/default/entries?state=approved";
        let moment = async |t: &Test| t.get(approved).await.ok()["data"][0]["approved_at"].take();
        assert_eq!(moment(&other).await, moment(&t).await);
        // Who was let in there was invited there.
        assert_eq!((t.mail().await.len(), other.mail().await.len()), (1, 0));
        assert_eq!(other.environment.client_id, t.environment.client_id);
        assert_eq!(other.environment.settings, t.get_settings().await);
        let validated = other.post("/api_keys/validations", json!({ "value": "sk_test_of_a_customer" })).await.ok();
        assert_eq!(validated["api_key"]["name"], "CI");
        // The password came along as its hash.
        assert!(!text.contains(PASSWORD));
        other.sign_in("dora@heron.example").await;
    });
}

#[test]
fn secrets_are_written_only_where_they_are_asked_for() {
    story(async |t| {
        t.person("ann@acme.test").await;
        let (hidden, shown) = (export(&t, Secrets::Hidden).await, export(&t, Secrets::Shown(t.app.keyring())).await);
        assert!(!hidden.contains("argon2") && shown.contains("password_hash: "), "{shown}");
        let other = made_again(&t, &hidden).await;
        other.try_sign_in("ann@acme.test").await.fails(400, "invalid_credentials");
    });
}

#[test]
fn hashes_of_other_systems_are_written_in_the_form_in_which_they_are_imported() {
    story(async |t| {
        let salted = "{SSHA}8p3+CjnJL7ZVzjvRWQZwc+nl1DJ4eXo=";
        let bcrypt = "$2b$04$TuhmpaF55VT96ylELGxKKOQjAs1yIRLLXI5k5pjMFsyhXoIbWmUfK";
        for (email, hash, kind) in [("a@acme.test", salted, "ssha"), ("b@acme.test", bcrypt, "bcrypt")] {
            let body = json!({ "email": email, "password_hash": hash, "password_hash_type": kind });
            t.post("/user_management/users", body).await.created();
        }
        // A salted SHA-256 is stored with where its salt stood.
        let sha256 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq";
        let body = json!({ "email": "c@acme.test", "password_hash": sha256, "password_hash_type": "ssha256",
                           "password_salt_position": "prefix" });
        t.post("/user_management/users", body).await.created();
        let text = export(&t, Secrets::Shown(t.app.keyring())).await;
        assert!(
            text.contains("password_salt_position: prefix") && text.contains("password_hash_type: bcrypt"),
            "{text}"
        );
        let other = made_again(&t, &text).await;
        assert_eq!(export(&other, Secrets::Shown(other.app.keyring())).await, text);
    });
}

#[test]
fn text_that_yaml_could_take_for_something_else_comes_back_as_it_was() {
    story(async |t| {
        let words = [
            "no",
            "yes",
            "null",
            "~",
            "true",
            "1e3",
            "0x1F",
            "012",
            ".inf",
            "2026-01-01",
            " leading",
            "trailing ",
            "- dash",
            "# hash",
            "a: b",
            "a #b",
            "multi\nline\n",
            "\n\nfirst",
            "  indented\nless\n\n",
            "\ttab",
            "quote\"'",
            "{}",
            "[]",
            "*b",
            "&a",
            "!t",
            "%d",
            "@at",
            "`",
            "<<",
            "=",
            "---",
            "...",
            "\u{85}next",
            "\u{2028}line",
            "a\r\nb",
            "\u{1F980}",
            "\u{feff}bom",
            "\u{7f}",
            "|",
            ">",
            "? key",
            "'",
            "\"",
            "\\",
            "key:",
            ":",
            "",
        ];
        let metadata: serde_json::Map<_, _> =
            words.iter().enumerate().map(|(i, word)| (format!("key {i}"), Value::from(*word))).collect();
        let body = json!({ "name": "no", "metadata": metadata });
        let made = t.post("/organizations", body).await.created();
        let text = export(&t, Secrets::Hidden).await;
        let other = made_again(&t, &text).await;
        let shown = other.get(format!("/organizations/{}", id(&made))).await.ok();
        assert_eq!((&shown["name"], &shown["metadata"]), (&json!("no"), &made["metadata"]));
        assert_eq!(export(&other, Secrets::Hidden).await, text);
    });
}

#[test]
fn an_environment_of_many_pages_is_written_whole() {
    story(async |t| {
        let line = |i: usize| format!("  - {{ email: u{i}@acme.test, id: user_{i:04} }}\n");
        let users: String = (0..1200).map(line).collect();
        let member = |i: usize| format!("      - {{ email: u{i}@acme.test }}\n");
        let members: String = (0..250).map(member).collect();
        let seed = format!("users:\n{users}organizations:\n  - name: Acme\n    memberships:\n{members}");
        apply(&t, &seed).await;
        let text = export(&t, Secrets::Hidden).await;
        assert_eq!(text.matches("\n  - id: user_").count(), 1200);
        assert_eq!(text.matches("\n      - id: om_").count(), 250);
        let other = made_again(&t, &text).await;
        assert_eq!(export(&other, Secrets::Hidden).await, text);
    });
}

#[test]
fn an_export_shows_one_moment_whatever_is_committed_meanwhile() {
    story(async |t| {
        let mut db = t.app.database().snapshot(t.environment.key).await.unwrap();
        let count = async |db: &mut _| store::feature_flags::count(db).await.unwrap();
        assert_eq!(count(&mut db).await, 0);
        t.flag(json!({ "slug": "late", "name": "Late" })).await;
        assert_eq!(count(&mut db).await, 0);
        assert_eq!(count(&mut t.app.database().read(t.environment.key).await.unwrap()).await, 1);
    });
}

#[test]
fn a_seed_for_a_new_server_is_its_first_environment() {
    story_apart(async |t| {
        let text = "environment: { name: Local, clientId: client_local, apiKey: sk_test_of_the_seed }\n";
        let seed = seed::read(&file(&t, "yaml", text)).unwrap();
        let start = async || {
            let wishes = Wishes { seeded: seed.first(), ..Wishes::default() };
            let prepare = async |system: &mut _| installation::prepare(system, t.app.keyring(), wishes).await;
            t.app.database().write_system(prepare).await.unwrap().1
        };
        let before = t.operator().pages("/admin/v1/environments").await.len();
        let made = start().await;
        assert!(made.api_key.is_none() && made.client_id.is_none());
        assert_eq!(changes(&run(&t, &seed, Mode::Apply).await.unwrap()), [""; 0]);
        start().await;
        let environments = t.operator().pages("/admin/v1/environments").await;
        assert_eq!(environments.len(), before + 1);
        assert_eq!(
            (&environments[0]["name"], &environments[0]["client_id"]),
            (&json!("Local"), &json!("client_local"))
        );
        t.with_key("sk_test_of_the_seed").get("/organizations").await.ok();
    });
}

#[test]
fn a_seed_that_is_applied_before_the_first_start_makes_the_first_environment() {
    story_apart(async |t| {
        let seed =
            seed::read(&file(&t, "yaml", "environment: { name: Local }\nusers: [{ email: a@acme.test }]\n")).unwrap();
        let before = t.operator().pages("/admin/v1/environments").await.len();
        run(&t, &seed, Mode::Apply).await.unwrap();
        let wishes = Wishes { api_key: Some("sk_chosen_by_the_operator_2".into()), ..Wishes::default() };
        let prepare = async |system: &mut _| installation::prepare(system, t.app.keyring(), wishes).await;
        t.app.database().write_system(prepare).await.unwrap();
        assert_eq!(t.operator().pages("/admin/v1/environments").await.len(), before + 1);
        assert_eq!(t.with_key("sk_chosen_by_the_operator_2").pages("/user_management/users").await.len(), 1);
    });
}
